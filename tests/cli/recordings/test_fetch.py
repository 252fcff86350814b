"""The verb: what it prints, lists and refuses.  Downloads themselves: tests/corpora/test_downloads.py."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from vqaudio.cli.main import main
from vqaudio.cli.terminal.progress import shown
from vqaudio.cli.terminal.transfer_progress import TransferProgress
from vqaudio.corpora.fetch import archives


@pytest.fixture
def ljspeech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny LJSpeech, published by a file of this machine; gives the folder to fetch it to."""
    place = tmp_path / "LJSpeech-1.1.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("LJSpeech-1.1/metadata.csv", "LJ001-0001|Printing.|Printing.\n")
        archive.writestr("LJSpeech-1.1/wavs/LJ001-0001.wav", "")
    table = tmp_path / "archives.tsv"
    row = ("ljspeech", "1.1", ".", "LJSpeech-1.1", place.as_uri(), hashlib.sha256(place.read_bytes()).hexdigest())
    table.write_text("# made by the test\ncorpus\tpart\tunpack_to\troot\turl\tsha256\n" + "\t".join(row) + "\n")
    monkeypatch.setattr(archives, "TABLE", table)
    return tmp_path / "corpora"


def test_a_fetched_corpus_is_read_by_the_reader_of_its_name(ljspeech: Path, capsys) -> None:
    from vqaudio.corpora.reading import read_corpus

    for said in ("ljspeech/1.1: unpacked", "ljspeech/1.1: is there"):
        assert main(["fetch", "ljspeech", "--root", str(ljspeech)]) == 0
        shown = capsys.readouterr()
        assert said in shown.err
        kind, root = shown.out.strip().split("\t")
        assert [one.text for one in read_corpus(kind, root)] == ["Printing."]


def test_the_list_shows_every_part_and_with_a_root_what_is_there(ljspeech: Path, capsys) -> None:
    assert main(["fetch", "--list"]) == 0
    assert capsys.readouterr().out.startswith("ljspeech/1.1 ")
    main(["fetch", "--list", "--root", str(ljspeech)])
    assert " there " not in capsys.readouterr().out
    main(["fetch", "ljspeech/1.1", "--root", str(ljspeech)])
    main(["fetch", "--list", "--root", str(ljspeech)])
    assert " there " in capsys.readouterr().out


def test_what_is_missing_or_unknown_is_one_line(ljspeech: Path, capsys) -> None:
    assert main(["fetch", "ljspeech"]) == 1
    assert "vqaudio fetch CORPUS --root DIR" in capsys.readouterr().err
    assert main(["fetch", "switchboard", "--root", str(ljspeech)]) == 1
    assert "the corpora are: ljspeech" in capsys.readouterr().err
    assert not ljspeech.exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_lines_in_a_log_and_a_bar_on_a_terminal() -> None:
    log, terminal = io.StringIO(), Terminal()
    for stream in (log, terminal):
        with shown(TransferProgress(stream=stream, line_every_s=60.0)) as progress:
            for done in range(0, 5_000_000, 1_000_000):
                progress.update("a: downloading", done, 4_000_000)
            progress.update("a: unpacking", 1_000_000, None)
    assert log.getvalue() == "a: downloading: 0 of 4 MB, 0%\na: unpacking: 1 MB\n"
    assert "\x1b" in terminal.getvalue()
    assert "a: unpacking" in terminal.getvalue()
