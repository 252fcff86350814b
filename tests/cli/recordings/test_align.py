"""`vqaudio align` from outside: TextGrids, failures, resuming, and exit statuses."""

import argparse
import json
import shutil
import threading
from pathlib import Path

import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.cli.recordings import align as verb
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.alignment.alignments import read_textgrid
from vqaudio.corpora.alignment.formats import index_alignments
from vqaudio.corpora.alignment.labels import label_map

TEXTS = {
    "ada/ada_1": "The small boat came home before the storm.",
    "ada/unknown": "The zqxx boat came home before the storm.",
    "ada/silent": None,
    "ada/empty": " ... ",
    "text": "Not audio.",
}
# A worker whose library crashes on one file, and answers the others without pocketsphinx.
UNSOUND_WORKER = """
import json, os
from vqaudio.jobs.worker import DONE, send, serve
def answer(request, answers):
    if "ada_2" in request["path"]: os.abort()
    tier = [("", 0.0, 0.5), ("boat", 0.5, 1.0)]
    facts = {"duration_s": 1.0, "words": tier, "phones": [("SIL", 0.0, 1.0)], "warnings": []}
    send(answers, DONE, json.dumps(facts).encode())
serve(answer)
"""


def align(audio: Path, text: Path, out: Path, *flags: str) -> int:
    return main(["align", str(audio), "--text", str(text), "--out", str(out), "--workers", "1", *flags])


def failures(out: Path) -> dict[str, dict]:
    return {entry["id"]: entry for entry in map(json.loads, (out / "failures.jsonl").read_text().splitlines())}


@pytest.fixture
def corpus(tmp_path: Path, samples_dir: Path) -> Path:
    """Recordings with a text beside them: one that is sound, and what goes wrong."""
    folder = tmp_path / "corpus"
    (folder / "ada").mkdir(parents=True)
    for name, text in TEXTS.items():
        if name == "text":
            (folder / "text.wav").write_text("not audio")
        else:
            shutil.copy(samples_dir / "ada" / "ada_1.flac", folder / f"{name}.flac")
        if text is not None:
            (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture
def three(tmp_path: Path, samples_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three recordings, and an aligner that dies of ada_2."""
    monkeypatch.setattr("vqaudio.jobs.align.run.WORKER_CODE", UNSOUND_WORKER)
    monkeypatch.setattr("vqaudio.cli.recordings.align.find_spec", lambda name: name)
    shutil.copytree(samples_dir / "ada", tmp_path / "audio" / "ada")
    return tmp_path / "audio"


def test_words_and_phones_become_textgrids_and_failures_have_reasons(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pocketsphinx", reason="needs the extra: pip install 'vqaudio[align]'")
    out = corpus.parent / "out"
    assert align(corpus, corpus, out) == 2
    assert [path.relative_to(out).as_posix() for path in out.rglob("*.TextGrid")] == ["ada/ada_1.TextGrid"]
    reasons = {name: entry["reason"] for name, entry in failures(out).items()}
    assert reasons["ada/unknown.flac"] == "not in the dictionary: zqxx"
    assert "no transcript" in reasons["ada/silent.flac"]
    assert "no words" in reasons["ada/empty.flac"]
    assert len(reasons["text.wav"]) > 5
    assert failures(out)["ada/unknown.flac"]["unknown_words"] == ["zqxx"]
    assert (out / "unknown_words.txt").read_text() == "zqxx\t1\n"
    told = capsys.readouterr()
    assert "files     1 aligned, 4 failed" in told.out
    assert "unknown_words.txt: see --dictionary" in told.err
    check_read_by_probe(out, corpus)


def check_read_by_probe(out: Path, corpus: Path) -> None:
    """As the probe finds them, by the recording's id, and with labels that its map knows."""
    read = index_alignments(out).find("ada/ada_1.flac")
    assert read is not None
    phones = read()
    classes = label_map("arpabet-39").map_labels(one.label for one in phones)
    assert {"S", "M", "AO", "L"} < set(classes)
    info = soundfile.info(corpus / "ada" / "ada_1.flac")
    assert phones[-1].end_s == pytest.approx(info.duration, abs=1e-5)


def test_resume_takes_up_what_failed_with_a_dictionary(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pocketsphinx", reason="needs the extra: pip install 'vqaudio[align]'")
    out = corpus.parent / "out"
    align(corpus, corpus, out, "--quiet")
    before = (out / "ada" / "ada_1.TextGrid").stat().st_mtime_ns
    (corpus.parent / "more.dict").write_text("zqxx S M AO1 L\n")
    flags = ("--resume", "--dictionary", str(corpus.parent / "more.dict"), "--max-failures", "3")
    assert align(corpus, corpus, out, *flags) == 0
    assert (out / "ada" / "ada_1.TextGrid").stat().st_mtime_ns == before
    words = [one.label for one in read_textgrid(out / "ada" / "unknown.TextGrid", "words") if one.label]
    assert words == ["the", "zqxx", "boat", "came", "home", "before", "the", "storm"]
    assert "ada/unknown.flac" not in failures(out)
    assert not (out / "unknown_words.txt").exists()
    assert "1 aligned, 3 failed, 1 were there already" in capsys.readouterr().out


def test_an_aligner_that_crashes_costs_one_recording(three: Path, samples_dir: Path) -> None:
    out = three.parent / "out"
    assert align(three, samples_dir / "metadata.csv", out) == 2
    assert sorted(path.name for path in out.rglob("*.TextGrid")) == ["ada_1.TextGrid", "ada_3.TextGrid"]
    assert "the aligner process died (signal SIGABRT)" in failures(out)["ada/ada_2.flac"]["reason"]
    assert [one.label for one in read_textgrid(out / "ada" / "ada_1.TextGrid", "words")] == ["", "boat"]


def test_textgrids_that_are_there_are_neither_replaced_nor_mixed_unasked(
    three: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand = (three / "ada" / "ada_1.TextGrid").read_text()
    assert align(three, samples_dir / "metadata.csv", three) == 1
    assert "ada_1.TextGrid is there already, and 2 others" in capsys.readouterr().err
    assert align(three, samples_dir / "metadata.csv", three, "--resume") == 0
    assert (three / "ada" / "ada_1.TextGrid").read_text() == by_hand
    assert align(three, samples_dir / "metadata.csv", three, "--overwrite", "--max-failures", "1") == 0
    assert [one.label for one in read_textgrid(three / "ada" / "ada_1.TextGrid", "words")] == ["", "boat"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--workers", "0"), "--workers must be at least 1"),
        (("--max-failures", "-1"), "--max-failures must be at least 0"),
        (("--dictionary", "none.dict"), "none.dict cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_work(
    three: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, str], told: str
) -> None:
    assert align(three, samples_dir / "metadata.csv", three.parent / "out", *flags) == 1
    assert told in capsys.readouterr().err
    assert not (three.parent / "out").exists()


def test_without_the_extra_its_name_is_told(
    three: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqaudio.cli.recordings.align.find_spec", lambda name: None)
    assert align(three, samples_dir / "metadata.csv", three.parent / "out") == 1
    assert "pip install 'vqaudio[align]'" in capsys.readouterr().err


def arguments(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser.parse_args(["WAVS", "--text", "TEXT", "--out", "OUT", *flags])


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ((), {"num_workers": 3, "dictionary": None, "accepts_unknown": False}),
        (("--workers", "2"), {"num_workers": 2, "dictionary": None, "accepts_unknown": False}),
        (("--dictionary", "my.dict"), {"num_workers": 3, "dictionary": "my.dict", "accepts_unknown": False}),
        (("--unknown-words", "noise"), {"num_workers": 3, "dictionary": None, "accepts_unknown": True}),
        (("--unknown-words", "fail"), {"num_workers": 3, "dictionary": None, "accepts_unknown": False}),
    ],
)
def test_every_flag_reaches_the_run(flags, asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqaudio.jobs.worker_process.count_cpus", lambda: 3)
    monkeypatch.setattr("vqaudio.jobs.align.run.AlignRun", lambda sources, **how: (sources, how))
    stop = threading.Event()
    assert verb.prepare(arguments(*flags), [], stop) == ([], {**asked, "stop": stop})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--workers", "0"), "--workers"),
        (("--workers", "1"), None),
        (("--max-failures", "-1"), "--max-failures"),
        (("--max-failures", "0"), None),
        (("--dictionary", "/nowhere.dict"), r"nowhere\.dict cannot be read"),
    ],
)
def test_only_counts_and_dictionaries_that_make_sense_are_taken(flags, message, monkeypatch) -> None:
    monkeypatch.setattr(verb, "find_spec", lambda name: name)
    if message is None:
        verb.require_sense(arguments(*flags))
    else:
        with pytest.raises(VqaudioError, match=message):
            verb.require_sense(arguments(*flags))
