"""The verb `report`, with a tokenizer of sixteen levels in the place of a trained one."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

pytest.importorskip("matplotlib")
RATE_HZ = 16_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level_tokenizer: AudioTokenizer) -> Path:
    """Three sound files; the codec `levels` is the only one there is, and no optional metric is installed."""
    monkeypatch.setattr("vqaudio.codec.saving.open_codec", lambda name, device: level_tokenizer)
    for package in ("pesq", "pystoi", "visqol"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "wavs").mkdir()
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        soundfile.write(tmp_path / "wavs" / name, np.random.default_rng(seed).normal(0, 0.2, 6000).clip(-1, 1), RATE_HZ)
    return tmp_path / "wavs"


def test_the_page_holds_as_many_recordings_as_asked_and_measures_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "new" / "report.html"
    flags = ["--out", str(out), "--num-utterances", "2", "--workers", "0"]
    assert main(["report", "levels", str(folder), *flags]) == 0
    page = out.read_text(encoding="utf-8")
    assert page.count("<audio ") == 2 * 2
    assert "Measured on the 2 recordings of this page" in page
    assert "not measured: visqol" in page
    assert f"{out}: 2 recordings, {out.stat().st_size / 1e6:.1f} MB" in capsys.readouterr().out


def test_what_is_said_is_found_beside_the_recordings_or_where_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = folder.parent / "report.html", folder / "metadata.csv"

    def page(*flags: str) -> str:
        assert main(["report", "levels", str(folder), "--out", str(out), "--workers", "0", *flags]) == 0
        return out.read_text(encoding="utf-8")

    table.write_text("path,text\nb.wav,What <b> says\n")
    assert page().count('<p class="said">What &lt;b&gt; says</p>') == 1
    table.write_text("a.wav|other|kinds\n")
    assert '<p class="said">' not in page()
    assert "no texts: " in capsys.readouterr().out
    with TokenWriter(folder.parent / "tokens", CodecStamp("levels", "ab" * 32, RATE_HZ, 1, 1, 16)) as writer:
        row = TokenRow("c.wav", np.zeros((1, 6000), np.uint16), 6000, RATE_HZ, 0.375, "c", "Of the store")
        writer.append(row)
    assert page("--metadata", str(folder.parent / "tokens")).count('<p class="said">Of the store</p>') == 1
    assert main(["report", "levels", str(folder), "--out", str(out), "--metadata", str(table)]) == 1
    assert "wanted path" in capsys.readouterr().err


def test_what_was_decoded_to_be_measured_is_not_decoded_again_to_be_heard(
    folder: Path, level_tokenizer: AudioTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, lengths = type(level_tokenizer).decode, []

    def counted(self, audio_codes, length=None):
        lengths.append(audio_codes.shape[-1])
        return decode(self, audio_codes, length)

    monkeypatch.setattr(type(level_tokenizer), "decode", counted)
    out = folder.parent / "report.html"
    assert main(["report", "levels", str(folder), "--out", str(out), "--workers", "0"]) == 0
    assert lengths == [6000] * 3
    assert out.read_text(encoding="utf-8").count("<audio ") == 2 * 3


def test_an_evaluation_that_was_made_before_is_shown_as_it_is(folder: Path) -> None:
    found, out = folder.parent / "found.json", folder.parent / "report.html"
    assert main(["evaluate", str(folder), "--workers", "0", "--metrics", "mel_db", "--json", str(found)]) == 0
    flags = ["--out", str(out), "--num-utterances", "1", "--evaluation", str(found)]
    assert main(["report", "levels", str(folder), *flags]) == 0
    page = out.read_text(encoding="utf-8")
    assert "Measured on 3 files" in page
    assert "SI-SDR" not in page
    mean = json.loads(found.read_text())["rows"][0]["scores"]["mel_db"]["mean"]
    assert f"<td>{mean:.2f} ±" in page
    assert "64.00 kbit/s" in page


def test_an_evaluation_of_other_weights_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, out = folder.parent / "found.json", folder.parent / "report.html"
    assert main(["evaluate", str(folder), "--workers", "0", "--metrics", "mel_db", "--json", str(found)]) == 0
    found.write_text(found.read_text().replace("ab" * 32, "cd" * 32))
    assert main(["report", "levels", str(folder), "--out", str(out), "--evaluation", str(found)]) == 1
    assert "is about weights cdcd" in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture
def probed(folder: Path) -> Path:
    """What `vqaudio probe` writes about codes of `levels`: two speakers, one phone in each quarter of a second."""
    lines, rng = [], np.random.default_rng(0)
    with TokenWriter(folder.parent / "tokens", CodecStamp("levels", "ab" * 32, RATE_HZ, 1, 1, 16)) as writer:
        for name in ("a", "b"):
            codes = np.repeat([3, 9, 3, 9], 4000) + rng.integers(0, 2, 16_000)
            writer.append(TokenRow(f"{name}.wav", codes[None].astype(np.uint16), 16_000, RATE_HZ, 1.0, name))
            lines += [f"{name} 1 {place / 4} 0.25 {'AS'[place % 2]}" for place in range(4)]
    (folder.parent / "phones.ctm").write_text("\n".join(lines))
    out = folder.parent / "probed"
    flags = ["--alignments", str(folder.parent / "phones.ctm"), "--labels", "plain", "--with", "none"]
    assert main(["probe", str(folder.parent / "tokens"), *flags, "--out", str(out)]) == 0
    return out


def test_a_probe_of_the_codec_joins_the_page(folder: Path, probed: Path) -> None:
    out = folder.parent / "report.html"
    flags = ["--out", str(out), "--num-utterances", "1", "--workers", "0", "--probe", str(probed)]
    assert main(["report", "levels", str(folder), *flags]) == 0
    page = out.read_text(encoding="utf-8")
    assert "32,000 labelled frames of 2 utterances" in page
    assert '<th scope="row">shuffled codes</th>' in page
    assert page.count('<figure class="plot">') == 2  # no recordings, no timeline


def test_a_probe_of_other_weights_is_refused(folder: Path, probed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, out = probed / "probe.json", folder.parent / "report.html"
    found.write_text(found.read_text().replace("ab" * 32, "cd" * 32))
    assert main(["report", "levels", str(folder), "--out", str(out), "--probe", str(probed)]) == 1
    assert "these codes were made by levels (weights cdcd" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_cannot_be_heard_is_told_on_the_page_and_gives_status_two(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.wav").write_text("no sound")
    out = folder.parent / "report.html"
    assert main(["report", "levels", str(folder), "--out", str(out), "--workers", "0"]) == 2
    assert "left out: broken.wav" in capsys.readouterr().out
    assert "broken.wav" in out.read_text(encoding="utf-8")


def test_mistakes_are_answered_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*flags: str) -> str:
        assert main(["report", "levels", str(folder), "--out", str(folder.parent / "x.html"), *flags]) == 1
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        return said

    assert "one utterance" in answer("--num-utterances", "0")
    assert "log.jsonl" in answer("--training", str(folder / "log.jsonl"))
    assert "opus:6" in answer("--against", "mp3:64")
    assert "vqaudio evaluate --json" in answer("--evaluation", str(folder / "a.wav"))
    assert "vqaudio probe --out" in answer("--probe", str(folder / "a.wav"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "vqaudio[plots]" in answer()
