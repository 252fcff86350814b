"""`vqaudio export` from outside."""

import json
from pathlib import Path

import numpy as np
import pytest

from vqaudio.cli.main import main
from vqaudio.cli.terminal.priors import language_of
from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.export.record import ExportRecord
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A store of 12 rows by 6 speakers, 2 codebooks of 16."""
    generator = np.random.default_rng(0)
    with TokenWriter(tmp_path / "tokens", CodecStamp("tiny", "0" * 64, 16_000, 320, 2, 16)) as writer:
        for number in range(12):
            codes = generator.integers(0, 16, (2, 20)).astype(np.uint16)
            writer.append(TokenRow(f"{number}.wav", codes, 6400, 16_000, 0.4, f"s{number % 6}", "some text"))
    return tmp_path / "tokens"


@pytest.fixture
def export(tokens: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / out`; returns the exit status."""
    return lambda *flags: main(["export", str(tokens), "--out", str(tmp_path / "out"), *flags])


def test_an_export_is_told_and_checked(export, tmp_path, capsys):
    assert export("--format", "hf", "--validation", "0.4", "--check") == 0
    told = capsys.readouterr().out
    assert "vocabulary  64 tokens" in told
    assert "checked     12 documents, 480 codes" in told
    counts = json.loads((tmp_path / "out" / "export.json").read_text())["splits"]
    assert counts["train"]["documents"] + counts["validation"]["documents"] == 12
    assert counts["train"]["tokens"] == counts["train"]["documents"] * 41  # with an EOS each, as of itself for hf


def test_every_flag_reaches_the_record(export, tmp_path):
    flags = "--format text --style kaldi --codebooks 1 --interleave delayed --deduplicate --bpe 3 --bos --eos"
    flags += " --prefix speaker,text --context 64 --validation 0.3 --quiet --root /corpus"
    assert export(*flags.split()) == 0
    assert json.loads((tmp_path / "out" / "export.json").read_text())["options"] == {
        "format": "text",
        "style": "kaldi",
        "num_codebooks": 1,
        "pattern": "delayed",
        "is_grid": False,
        "is_deduplicated": True,
        "bpe_merges": 3,
        "has_bos": True,
        "has_eos": True,
        "prefix": ["speaker", "text"],
        "context_tokens": 64,
        "validation": 0.3,
        "root": "/corpus",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gslm", ("text", "gslm")),
        ("fairseq", ("text", "fairseq")),
        ("kaldi", ("text", "kaldi")),
        ("speechgpt", ("jsonl", "speechgpt")),
    ],
)
def test_programs_are_formats_of_their_own(export, tmp_path, capsys, name, kind):
    assert export("--format", name, "--codebooks", "1", "--check", "--quiet") == 0
    options = json.loads((tmp_path / "out" / "export.json").read_text())["options"]
    assert (options["format"], options["style"]) == kind
    assert export("--format", name, "--style", "lists", "--overwrite") == 1
    assert f"format {name} has no style 'lists'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "usual"), [("nanogpt", True), ("text", False)])
def test_documents_end_as_their_format_has_it_unless_a_flag_says_otherwise(export, tmp_path, name, usual):
    for flags, wanted in (([], usual), (["--eos"], True), (["--no-eos"], False)):
        assert export("--format", name, "--overwrite", "--quiet", "--check", *flags) == 0
        assert json.loads((tmp_path / "out" / "export.json").read_text())["options"]["has_eos"] is wanted


def test_a_check_alone_needs_no_format_and_tells_what_is_wrong(export, tmp_path, capsys):
    assert export("--format", "nanogpt", "--quiet") == 0
    assert export("--check") == 0
    assert "480 codes" in capsys.readouterr().out
    path = tmp_path / "out" / "train.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    assert export("--check") == 1
    assert "the codes of 0.wav are not those of the store" in capsys.readouterr().err


def test_an_interrupted_export_says_that_the_same_command_goes_on(export, tmp_path, capsys, monkeypatch):
    from vqaudio.export.documents import DocumentCoder

    def interrupt(self: DocumentCoder, row: TokenRow) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DocumentCoder, "encode", interrupt)
        assert export("--format", "nanogpt") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert export("--format", "nanogpt", "--bos", "--resume") == 1
    assert "other options" in capsys.readouterr().err
    assert export("--format", "nanogpt", "--resume", "--check") == 0


def test_an_empty_split_is_pointed_out(export, capsys):
    assert export("--format", "nanogpt", "--validation", "0") == 0
    assert "no speaker falls into validation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--format"),
        (("--format", "mp3"), "one of hf, nanogpt"),
        (("--format", "jsonl", "--style", "kaldi"), "lists, tokens, speechgpt"),
        (("--format", "hf", "--interleave", "zigzag"), "parallel, delayed"),
        (("--format", "hf", "--codebooks", "3"), "holds 2 codebooks"),
        (("--format", "hf", "--prefix", "voice"), "speaker, text"),
        (("--format", "hf", "--extend", "nowhere"), "tokenizer.json"),
        (("--check",), "no finished export"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(export, tmp_path, capsys, flags, message):
    assert export(*flags) == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_the_library_tokenizers_the_extra_is_named(export, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert export("--format", "hf", "--bpe", "4") == 1
    assert "vqaudio[lm]" in capsys.readouterr().err
    assert export("--format", "hf", "--check") == 0


def test_segments_are_exported_once_with_their_durations_beside_them(tmp_path, capsys):
    stamp = CodecStamp("tiny", "0" * 64, 16_000, 320, 1, 16, segments=SegmentSetting())
    rows = {"a": [3, 3, 3, 7, 7, 1], "b": [2, 2, 3]}
    with TokenWriter(tmp_path / "tokens", stamp) as writer:
        for name, codes in rows.items():
            writer.append(TokenRow(name, np.array([codes]), 320 * len(codes), 16_000, len(codes) / 50, name))
    command = ["export", str(tmp_path / "tokens"), "--format", "jsonl", "--check", "--quiet", "--validation", "0"]
    lines = {}
    for name, more in (("segments", []), ("frames", ["--no-deduplicate"])):
        assert main([*command, "--out", str(tmp_path / name), *more]) == 0
        read = map(json.loads, (tmp_path / name / "train.jsonl").read_text().splitlines())
        lines[name] = {line["id"]: line for line in read}
    assert lines["segments"]["a"]["input_ids"] == [3, 7, 1]
    assert lines["segments"]["a"]["durations"] == [3, 2, 1]
    assert {name: line["input_ids"] for name, line in lines["frames"].items()} == rows
    assert not language_of(ExportRecord.read(tmp_path / "frames")).has_durations  # a model of it draws frame by frame
    with pytest.raises(VqaudioError, match="--deduplicate"):
        language_of(ExportRecord.read(tmp_path / "segments"))
