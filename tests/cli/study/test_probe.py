"""`vqaudio probe` from outside: codes of a store beside alignments of a folder."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.core.units import FrameGrid
from vqaudio.probes.items import read_items
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

GRID = FrameGrid(16_000, 320)
PHONES = ("AA1", "IY0", "S", "T", "M", "sil")
NUM_CODES = 12


def phone_spans(seed: int, num_phones: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of phones and their ends in frames; 4 to 9 frames each, none the same as the one before."""
    generator = np.random.default_rng(seed)
    phones = np.cumsum(1 + generator.integers(0, len(PHONES) - 1, num_phones)) % len(PHONES)
    return phones, np.cumsum(generator.integers(4, 10, num_phones))


def write_ctm(path: Path, spans: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    lines = [
        f"{name} 1 {start / 50:.3f} {(end - start) / 50:.3f} {PHONES[phone]}"
        for name, (phones, ends) in spans.items()
        for phone, start, end in zip(phones, [0, *ends[:-1]], ends, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def write_corpus(folder: Path, num_utterances: int, num_phones: int) -> Path:
    """`tokens`: utterances of 4 speakers, two codes for every phone; `alignments`: x.phones.ctm without the last."""
    spans = {f"u{number}": phone_spans(number, num_phones) for number in range(num_utterances)}
    generator = np.random.default_rng(0)
    stamp = CodecStamp("two", "ab" * 32, 16_000, 320, 2, NUM_CODES)
    with TokenWriter(folder / "tokens", stamp) as writer:
        for number, (name, (phones, ends)) in enumerate(spans.items()):
            frames = np.repeat(phones, np.diff(ends, prepend=0))
            codes = np.stack([2 * frames + number % 2, generator.integers(0, NUM_CODES, len(frames))])
            row = TokenRow(f"s{number % 4}/{name}.wav", codes.astype(np.uint16), len(frames) * 320, 16_000,
                           len(frames) / 50, f"s{number % 4}")  # fmt: skip
            writer.append(row)
    (folder / "alignments").mkdir()
    spans.popitem()
    write_ctm(folder / "alignments" / "x.phones.ctm", spans)
    (folder / "alignments" / "x.words.ctm").write_text("u0 1 0.0 0.5 hello\n")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """24 utterances of 60 phones."""
    return write_corpus(tmp_path, 24, 60)


@pytest.fixture
def few_linear_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a linear reader learns is the matter of tests/probes/test_linear.py."""
    monkeypatch.setattr("vqaudio.probes.linear.MIN_STEPS", 60)


def run_probe(corpus: Path, *flags: str) -> tuple[int, dict]:
    status = main(["probe", str(corpus / "tokens"), "--alignments", str(corpus / "alignments"), "--out",
                   str(corpus / "out"), *flags])  # fmt: skip
    return status, json.loads((corpus / "out" / "probe.json").read_text())


def test_codes_made_from_phones_stand_above_their_controls(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = run_probe(corpus)
    printed = capsys.readouterr().out
    assert status == 0
    codes, shuffled, random = (found["headline"][name] for name in ("codes", "shuffled codes", "random codes"))
    assert codes["information"]["pnmi"] == pytest.approx(1)
    assert codes["mapping"]["accuracy"] == codes["mapping_speech"]["accuracy"] == 1
    assert codes["boundaries"]["r_value"] == pytest.approx(1)
    for control in (shuffled, random):
        assert control["information"]["pnmi"] < 0.02
        assert control["mapping"]["accuracy"] < 0.3
    assert "no control on MFCC" in printed
    assert "shuffled codes" in printed
    assert {row["label"] for row in found["phones"]} == {"AA", "IY", "S", "T", "M", "SIL"}
    assert [row["label"] for row in found["classes"]["manner"]] == ["vowel", "nasal", "fricative", "stop", "silence"]


def test_what_has_no_label_is_counted(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = run_probe(corpus)
    assert found["coverage"]["num_utterances"] == 23
    assert found["coverage"]["skipped"] == {"missing": 1}
    assert found["coverage"]["examples"] == {"missing": ["s3/u23.wav"]}
    assert found["coverage"]["num_skipped_frames"] > 0
    assert "left out: 1 utterances (missing), such as s3/u23.wav" in capsys.readouterr().out


def test_the_other_codebook_tells_nothing(corpus: Path) -> None:
    _, found = run_probe(corpus, "--codebook", "1")
    assert found["headline"]["codes"]["information"]["pnmi"] < 0.02
    assert main(["probe", str(corpus / "tokens"), "--alignments", str(corpus / "alignments"), "--codebook", "2"]) == 1


def test_the_line_of_fairseq_has_its_columns(corpus: Path) -> None:
    _, found = run_probe(corpus)
    names, values = ((line.split("\t")) for line in (corpus / "out" / "fairseq.tsv").read_text().splitlines())
    line = dict(zip(names, values, strict=True))
    assert (line["ref pur"], line["MI/H(ref)"], line["p_xy shape"]) == ("1.0000", "1.0000", "(6, 12)")
    assert line["frm tot"] == str(found["coverage"]["num_frames"])
    assert (line["utt tot"], line["utt miss"]) == ("24", "1")
    assert line["ref segL"] == line["hyp segL"] == f"{found['runs']['mean_frames']:.4f}"


def test_few_frames_are_refused_until_they_are_accepted(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctm = corpus / "alignments" / "x.phones.ctm"
    ctm.write_text(
        "".join(line for line in ctm.read_text().splitlines(keepends=True) if line.startswith(("u0 ", "u1 ")))
    )
    status, found = run_probe(corpus)
    assert status == 2
    assert found["headline"] == {}
    assert "headline refused" in capsys.readouterr().out
    run_probe(corpus, "--audio", str(corpus))
    assert "no control on MFCC: the headline was refused" in capsys.readouterr().out
    status, found = run_probe(corpus, "--accept-few-frames")
    assert status == 0
    assert found["headline"]["codes"]["information"]["pnmi"] == pytest.approx(1)
    assert "NOT A HEADLINE" in capsys.readouterr().out


def test_a_folder_has_what_can_be_written_and_what_is_not_in_it_is_said(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_probe(corpus, "--with", "abx")[0] == 0
    assert f"not in {corpus / 'out'}: timeline.png: it needs --audio" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run_probe(corpus, "--json")[0] == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["headline"]
    assert "class_confusion.png, pnmi_bitrate.png, timeline.png: it needs matplotlib: pip install" in shown.err
    assert "phones.item: it is written --with abx" in shown.err
    assert sorted(path.name for path in (corpus / "out").iterdir()) == ["fairseq.tsv", "probe.json"]


def test_a_tier_that_is_not_there_is_answered_with_those_that_are(
    corpus: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["probe", str(corpus / "tokens"), "--tier", "wrds", "--alignments"]
    assert main([*command, str(corpus / "alignments")]) == 1
    assert "there are alignments of phones, words" in capsys.readouterr().err
    shutil.copy(samples_dir / "emil" / "emil_1.TextGrid", corpus / "alignments" / "u0.TextGrid")
    assert main([*command, str(corpus / "alignments")]) == 1
    assert re.search(r"no interval tier 'wrds'; its interval tiers: \w+, \w+", capsys.readouterr().err)


def test_every_column_is_explained_when_asked(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_probe(corpus)
    assert "of the class's frames" not in capsys.readouterr().out
    run_probe(corpus, "--glossary")
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if re.search(r"R-value +F1|precision +codes", line)]
    assert len(headings) == 2
    for column in re.split(r"\s{2,}", "  ".join(headings).strip()):
        assert column == "class" or any(re.match(rf"{column} +\S+ \S+", line) for line in lines), column


def test_held_out_speakers_are_only_tested_on(corpus: Path) -> None:
    (corpus / "held.txt").write_text("s1\ns3\n")
    _, found = run_probe(corpus, "--held-out", str(corpus / "held.txt"))
    codes = found["headline"]["codes"]
    assert codes["information"]["phone_purity"] == 1
    assert codes["mapping"]["num_unseen"] == codes["mapping"]["num_frames"]  # they use the other code of each phone
    assert codes["mapping"]["accuracy"] == codes["mapping"]["prior"]


def test_unknown_labels_are_an_error_that_lists_them(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctm = corpus / "alignments" / "x.phones.ctm"
    ctm.write_text(ctm.read_text().replace(" S\n", " ZZ\n"))
    assert main(["probe", str(corpus / "tokens"), "--alignments", str(corpus / "alignments")]) == 1
    assert "'ZZ'" in capsys.readouterr().err
    assert run_probe(corpus, "--labels", "plain")[0] == 0


def test_two_recordings_do_not_share_one_alignment(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TokenWriter(
        corpus / "tokens", CodecStamp("two", "ab" * 32, 16_000, 320, 2, NUM_CODES), mode="resume"
    ) as writer:
        writer.append(TokenRow("s9/u0.wav", np.zeros((2, 500), dtype=np.uint16), 160_000, 16_000, 10.0, "s9"))
    assert main(["probe", str(corpus / "tokens"), "--alignments", str(corpus / "alignments")]) == 1
    assert "would both have" in capsys.readouterr().err


def test_further_probes_and_the_control_on_mfcc_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], few_linear_steps: None
) -> None:
    """White noise in the place of speech: MFCC tell nothing of the phones."""
    corpus, generator = write_corpus(tmp_path, 17, 24), np.random.default_rng(0)
    for number in range(17):
        _, ends = phone_spans(number, 24)
        path = corpus / "wavs" / f"s{number % 4}" / f"u{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, generator.normal(0, 0.1, int(ends[-1]) * 320), 16_000)
    flags = ("--audio", str(corpus / "wavs"), "--with", "leakage", "abx", "linear")
    _, found = run_probe(corpus, *flags)
    codes, mfcc = (found["headline"][name]["information"] for name in ("codes", "MFCC k-means"))
    assert (codes["pnmi"], mfcc["pnmi"]) == (pytest.approx(1), pytest.approx(0, abs=0.02))
    assert found["leakage"]["codes"]["num_speakers"] == 4
    assert set(found["leakage"]) == {"codes", "MFCC k-means"}
    assert found["abx"]["codes, within speakers"]["error"] < 0.005
    assert found["abx"]["MFCC k-means, within speakers"]["error"] == pytest.approx(0.5, abs=0.1)
    assert found["linear"]["codes, 1 frame"]["accuracy"] == 1
    assert "ABX error, codes, across speakers" in capsys.readouterr().out
    assert len(read_items(corpus / "out" / "phones.item")) > 200
    assert (corpus / "out" / "timeline.png").stat().st_size > 1000
    assert run_probe(corpus)[0] == 0
    assert not (corpus / "out" / "timeline.png").exists()  # of the probe before, with recordings
    (corpus / "wavs" / "s0" / "u0.wav").unlink()
    assert main(["probe", str(corpus / "tokens"), "--alignments", str(corpus / "alignments"), *flags]) == 1


def test_sample_sentences_end_to_end(samples_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences with exact phones through the codec that ships, and back to phones of speakers not fitted on.

    Two frames for each code make no headline, so the gate is told to let it pass, and what is compared is held out:
    on so few frames purity and PNMI of the shuffled codes are high too.
    """
    tokens, metadata = tmp_path / "tokens", samples_dir / "metadata.csv"
    flags = ["--codebooks", "1", "--metadata", str(metadata), "--workers", "0", "--quiet"]
    assert main(["tokenize", str(samples_dir), "--out", str(tokens), *flags]) == 0
    command = ["probe", str(tokens), "--alignments", str(samples_dir), "--labels", "plain", "--json"]
    assert main(command) == 2
    assert json.loads(capsys.readouterr().out)["headline"] == {}
    assert main([*command, "--accept-few-frames", "--audio", str(samples_dir)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["coverage"]["num_utterances"], found["coverage"]["skipped"]) == (18, {})
    codes, shuffled, mfcc = (found["headline"][name] for name in ("codes", "shuffled codes", "MFCC k-means"))
    for name in ("mapping", "mapping_speech"):
        assert codes[name]["accuracy"] > 2 * shuffled[name]["accuracy"]
        assert codes[name]["accuracy"] > 1.5 * codes[name]["prior"]
        assert mfcc[name]["accuracy"] > 2 * shuffled[name]["accuracy"]
    assert shuffled["information"]["pnmi"] > 0.5
    assert codes["information"]["ami"] > 0.1 > 0.02 > abs(shuffled["information"]["ami"])


def test_stability_needs_the_codec_that_made_the_store(
    tokenize,
    tiny_codec: Path,
    samples_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    few_linear_steps: None,
) -> None:
    """One sentence through a small codec, changed in fourteen ways, and vectors beside codes."""
    (tmp_path / "wavs").mkdir()
    for name in ("emil_1", "emil_2"):
        shutil.copy(samples_dir / "emil" / f"{name}.flac", tmp_path / "wavs")
    tokenize(tmp_path / "wavs", "tokens")
    capsys.readouterr()
    command = ["probe", str(tmp_path / "tokens"), "--alignments", str(samples_dir), "--labels", "plain",
               "--accept-few-frames", "--with", "stability", "linear", "--json"]  # fmt: skip
    assert main(command) == 1
    assert "--codec" in capsys.readouterr().err
    assert main([*command, "--codec", "speech-16k", "--audio", str(tmp_path / "wavs")]) == 1
    assert "use the codec that made them" in capsys.readouterr().err
    assert main([*command, "--codec", str(tiny_codec), "--audio", str(tmp_path / "wavs")]) == 0
    found = json.loads(capsys.readouterr().out)
    changes = found["stability"]
    assert changes["noise 30 dB"]["codes"]["flips"] < changes["noise 5 dB"]["codes"]["flips"]
    assert changes["speed 0.9"]["codes"]["flips"] is None
    assert set(changes["Opus"]) == {"codes", "MFCC k-means"}
    assert {"encoder outputs, 1 frame", "codebook vectors, 11 frames", "codes, 1 frame"} <= set(found["linear"])
