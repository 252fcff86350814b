"""Readers of published corpora, each on a small tree of the corpus's true layout."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers import librispeech, libritts, ljspeech, vctk


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def librispeech_root(tmp_path: Path) -> Path:
    return write(
        tmp_path / "LibriSpeech",
        {
            "README.TXT": "",
            "SPEAKERS.TXT": "; ID |SEX| SUBSET\n84 | F | dev-clean\n",
            "dev-clean/84/121123/84-121123.trans.txt": "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS\n",
            "dev-clean/84/121123/84-121123-0000.flac": "",
            "dev-clean/84/121123/84-121123-0001.flac": "",
            "dev-clean/84/121123/84-121123-0002.flac": "",  # not in the transcript
            "dev-clean/84/121550/84-121550-0000.flac": "",  # a chapter without transcript
            "dev-clean/84/121550/backup of 84-121550-0000.flac": "",
            "dev-clean/84/121550/._84-121550-0000.flac": "",
            "test-other/1688/142285/1688-142285.trans.txt": "1688-142285-0000 THERE'S IRON\n\n",
            "test-other/1688/142285/1688-142285-0000.flac": "",
        },
    )


def test_librispeech_gives_speakers_and_texts_and_no_stray_files(librispeech_root: Path) -> None:
    found = [(one.id, one.speaker, one.text) for one in librispeech.utterances(librispeech_root)]
    assert found == [
        ("84-121123-0000", "84", "GO DO YOU HEAR"),
        ("84-121123-0001", "84", "BUT IN LESS"),
        ("84-121123-0002", "84", None),
        ("84-121550-0000", "84", None),
        ("1688-142285-0000", "1688", "THERE'S IRON"),
    ]


def test_librispeech_subset_equals_reading_its_folder(librispeech_root: Path) -> None:
    subset = list(librispeech.utterances(librispeech_root, subset="test-other"))
    assert [one.id for one in subset] == ["1688-142285-0000"]
    assert subset == list(librispeech.utterances(librispeech_root / "test-other"))
    assert all(one.path.is_file() for one in subset)


def test_librispeech_errors_name_what_was_looked_for(librispeech_root: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no subset 'train-clean-100' .* dev-clean, test-other"):
        list(librispeech.utterances(librispeech_root, subset="train-clean-100"))
    write(librispeech_root / "other", {"a.wav": ""})
    with pytest.raises(VqaudioError, match=r"no LibriSpeech recordings .*84-121123-0000\.flac"):
        list(librispeech.utterances(librispeech_root / "other"))
    write(librispeech_root, {"dev-clean/84/121123/84-121123.trans.txt": "84-121123-0000\n"})
    with pytest.raises(VqaudioError, match=r"line 1 of .*trans\.txt"):
        list(librispeech.utterances(librispeech_root))


@pytest.fixture
def libritts_root(tmp_path: Path) -> Path:
    stem = "dev-clean/84/121123/84_121123_000007_00000"
    return write(
        tmp_path / "LibriTTS",
        {
            "speakers.tsv": "READER\tGENDER\n",
            "dev-clean/84/121123/84_121123.trans.tsv": "",
            "dev-clean/84/121123/84_121123.book.tsv": "",
            f"{stem}1.wav": "",
            f"{stem}1.normalized.txt": "Mister Smith came at two.\n",
            f"{stem}1.original.txt": "Mr. Smith came at 2.",
            f"{stem}2.wav": "",
            f"{stem}2.original.txt": "Only printed.",
        },
    )


def test_libritts_gives_the_text_asked_for_and_none_where_it_is_missing(libritts_root: Path) -> None:
    spoken = [(one.id, one.speaker, one.text) for one in libritts.utterances(libritts_root, subset="dev-clean")]
    assert spoken == [
        ("84_121123_000007_000001", "84", "Mister Smith came at two."),
        ("84_121123_000007_000002", "84", None),
    ]
    printed = libritts.utterances(libritts_root, is_text_normalized=False)
    assert [one.text for one in printed] == ["Mr. Smith came at 2.", "Only printed."]


def test_libritts_is_not_mistaken_for_librispeech(libritts_root: Path, librispeech_root: Path) -> None:
    with pytest.raises(VqaudioError, match="no LibriSpeech recordings"):
        list(librispeech.utterances(libritts_root))
    with pytest.raises(VqaudioError, match="no LibriTTS recordings"):
        list(libritts.utterances(librispeech_root))


@pytest.fixture
def ljspeech_root(tmp_path: Path) -> Path:
    lines = [
        "LJ001-0001|Printing, in 1884|Printing, in eighteen eighty-four",
        'LJ001-0002|he said "yes|he said "yes',  # an unpaired quotation mark, as in the true table
        "LJ001-0003|no third field",
    ]
    files = {f"wavs/LJ001-000{number}.wav": "" for number in (1, 2, 3)}
    return write(tmp_path / "LJSpeech-1.1", {"metadata.csv": "\n".join(lines) + "\n", "README": "", **files})


def test_ljspeech_keeps_quotation_marks_and_reads_both_texts(ljspeech_root: Path) -> None:
    found = list(ljspeech.utterances(ljspeech_root))
    assert [one.text for one in found] == ["Printing, in eighteen eighty-four", 'he said "yes', "no third field"]
    assert next(ljspeech.utterances(ljspeech_root, is_text_normalized=False)).text == "Printing, in 1884"
    assert {one.speaker for one in found} == {"LJ"}
    assert all(one.path.is_file() for one in found)


def test_ljspeech_errors_name_the_line_or_what_was_looked_for(ljspeech_root: Path) -> None:
    with pytest.raises(VqaudioError, match=r"looked for metadata\.csv and the folder wavs"):
        list(ljspeech.utterances(ljspeech_root / "wavs"))
    (ljspeech_root / "wavs" / "LJ001-0002.wav").unlink()
    with pytest.raises(VqaudioError, match=r"line 2 of .* names LJ001-0002, but there is no"):
        list(ljspeech.utterances(ljspeech_root))
    write(ljspeech_root, {"metadata.csv": "LJ001-0001,Printing\n"})
    with pytest.raises(VqaudioError, match=r"line 1 of .* 1 fields"):
        list(ljspeech.utterances(ljspeech_root))


@pytest.fixture
def vctk_root(tmp_path: Path) -> Path:
    return write(
        tmp_path / "VCTK-Corpus-0.92",
        {
            "speaker-info.txt": "ID  AGE  GENDER\n",
            "wav48_silence_trimmed/log.txt": "",
            "wav48_silence_trimmed/p225/p225_001_mic1.flac": "",
            "wav48_silence_trimmed/p225/p225_001_mic2.flac": "",
            "wav48_silence_trimmed/p280/p280_001_mic1.flac": "",  # this speaker has one microphone
            "wav48_silence_trimmed/p315/p315_001_mic1.flac": "",  # this one has no texts
            "wav48_silence_trimmed/s5/s5_001_mic1.flac": "",
            "txt/p225/p225_001.txt": "Please call Stella.\n",
            "txt/p280/p280_001.txt": "Please call Stella.",
            "txt/s5/s5_001.txt": "Ask her.",
        },
    )


def test_vctk_gives_one_microphone_and_texts_where_they_are(vctk_root: Path) -> None:
    found = [(one.id, one.speaker, one.text) for one in vctk.utterances(vctk_root)]
    assert found == [
        ("p225_001", "p225", "Please call Stella."),
        ("p280_001", "p280", "Please call Stella."),
        ("p315_001", "p315", None),
        ("s5_001", "s5", "Ask her."),
    ]
    assert [one.path.name for one in vctk.utterances(vctk_root, microphone=2)] == ["p225_001_mic2.flac"]


def test_vctk_reads_the_older_layout(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"wav48/p225/p225_001.wav": "", "wav48/p225/p225_002.wav": "", "txt/p225/p225_001.txt": "Please."}
    )
    assert [(one.id, one.text) for one in vctk.utterances(root)] == [("p225_001", "Please."), ("p225_002", None)]
    with pytest.raises(VqaudioError, match="one microphone"):
        list(vctk.utterances(root, microphone=2))


def test_vctk_errors_name_what_was_looked_for(vctk_root: Path, tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="looked for the folders wav48_silence_trimmed or wav48"):
        list(vctk.utterances(tmp_path))
    with pytest.raises(VqaudioError, match="microphones 1 and 2, got 3"):
        list(vctk.utterances(vctk_root, microphone=3))
    (vctk_root / "txt/p225/p225_001.txt").write_bytes(b"caf\xe9")
    with pytest.raises(VqaudioError, match=r"p225_001\.txt is not UTF-8"):
        list(vctk.utterances(vctk_root))


def test_a_table_that_is_not_utf_8_is_answered_with_its_name(ljspeech_root):
    (ljspeech_root / "metadata.csv").write_bytes(b"LJ001-0001|caf\xe9\n")
    with pytest.raises(VqaudioError, match=r"metadata\.csv is not UTF-8"):
        list(ljspeech.utterances(ljspeech_root))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a|b|c|d\n", "line 1 of .* has 4 fields"),
        ("\n|b|c\n", "line 2 of .* has 3 fields"),
        ("\n \n", "is empty"),
        ("", "is empty"),
    ],
)
def test_a_table_of_another_form_than_ljspeechs_is_refused(ljspeech_root: Path, table: str, message: str) -> None:
    write(ljspeech_root, {"metadata.csv": table})
    with pytest.raises(VqaudioError, match=message):
        list(ljspeech.utterances(ljspeech_root))


def test_a_missing_text_of_ljspeech_is_the_other_or_none(ljspeech_root: Path) -> None:
    write(ljspeech_root, {"metadata.csv": "LJ001-0001|As printed.|\n\nLJ001-0002| | \n"})
    for is_text_normalized in (True, False):
        found = list(ljspeech.utterances(ljspeech_root, is_text_normalized=is_text_normalized))
        assert [one.text for one in found] == ["As printed.", None]


def test_where_both_layouts_of_vctk_are_the_newer_is_read(vctk_root: Path) -> None:
    found = list(vctk.utterances(vctk_root))
    write(vctk_root, {"wav48/p225/p225_001.wav": "", "wav48/p999/p999_001.wav": ""})
    assert list(vctk.utterances(vctk_root)) == found
    assert len(list(vctk.utterances(vctk_root, microphone=2))) == 1
    for microphone in (0, 3):
        with pytest.raises(VqaudioError, match=f"microphones 1 and 2, got {microphone}"):
            list(vctk.utterances(vctk_root, microphone=microphone))


def test_a_recordings_whole_name_must_be_that_of_the_corpus(
    librispeech_root: Path, libritts_root: Path, vctk_root: Path
) -> None:
    for read, root, copy in (
        (librispeech.utterances, librispeech_root, "dev-clean/84/121123/84-121123-0000.flac.wav"),
        (libritts.utterances, libritts_root, "dev-clean/84/121123/84_121123_000007_000001.wav.flac"),
        (vctk.utterances, vctk_root, "wav48_silence_trimmed/p225/p225_001_mic1.flac.wav"),
    ):
        found = list(read(root))
        write(root, {copy: ""})
        assert list(read(root)) == found


def test_chapters_that_come_between_keep_their_texts(librispeech_root: Path) -> None:
    write(
        librispeech_root,
        {
            "dev-clean/85/1/85-1.trans.txt": "85-1-0000 ONE\n",
            "dev-clean/85/1/85-1-0000.flac": "",
            "dev-clean/85/2/85-2.trans.txt": "\n85-2-0000   TWO  THREE \n",
            "dev-clean/85/2/85-2-0000.flac": "",
        },
    )
    texts = {one.id: one.text for one in librispeech.utterances(librispeech_root, subset="dev-clean/85")}
    assert texts == {"85-1-0000": "ONE", "85-2-0000": "TWO  THREE"}
