"""Common Voice, on a small tree of its true layout."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers import common_voice

HEADER = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tgender\tlocale\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "cv-corpus" / "de"
    (folder / "clips").mkdir(parents=True)
    for name in ("common_voice_de_1.mp3", "common_voice_de_2.mp3", "0a1b.mp3", "unlisted.mp3"):
        (folder / "clips" / name).write_bytes(b"")
    lines = [
        'aa\tcommon_voice_de_1.mp3\tx\t"Nein",\rsagte\u2028er.\t\t2\t0\t\t\tde\n',
        "bb\tcommon_voice_de_2.mp3\ty\tEin Satz.\t\t2\t0\ttwenties\t\tde\n",
        "aa\t0a1b\tz\t\t\t2\t0\t\t\tde\n",  # releases before 3.0 leave .mp3 out
    ]
    (folder / "validated.tsv").write_text(HEADER + "".join(lines), encoding="utf-8")
    (folder / "test.tsv").write_text(HEADER + lines[1], encoding="utf-8")
    return folder


def test_a_split_gives_its_lines_with_volunteer_and_sentence(root: Path) -> None:
    found = list(common_voice.utterances(root))
    assert [(one.id, one.speaker, one.text) for one in found] == [
        ("common_voice_de_1", "aa", '"Nein", sagte er.'),
        ("common_voice_de_2", "bb", "Ein Satz."),
        ("0a1b", "aa", None),
    ]
    assert all(one.path.is_file() for one in found)
    assert list(common_voice.utterances(root, split="test")) == found[1:2]


def test_a_language_is_its_folder(root: Path) -> None:
    assert list(common_voice.utterances(root.parent, language="de")) == list(common_voice.utterances(root))


def test_errors_name_the_splits_the_columns_or_the_line(root: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no Common Voice split 'dev'; .* splits there: test, validated; give"):
        list(common_voice.utterances(root, split="dev"))
    with pytest.raises(VqaudioError, match="give the folder of one language"):
        list(common_voice.utterances(root.parent))
    (root / "clips" / "0a1b.mp3").unlink()
    with pytest.raises(VqaudioError, match=r"line 4 of .*validated\.tsv names '0a1b', but there is no"):
        list(common_voice.utterances(root))
    for text, message in [
        ("client_id\tpath\n", "no column `sentence`; its first line names: client_id, path"),
        (HEADER, "names no recording"),
        (HEADER + "aa\tcommon_voice_de_1.mp3\n", "line 2 of .* has 2 fields"),
        (HEADER + "aa\tcommon_voice_de_1.mp3\tab12\n", "line 2 of .* has 3 fields"),
    ]:
        (root / "test.tsv").write_text(text, encoding="utf-8")
        with pytest.raises(VqaudioError, match=message):
            list(common_voice.utterances(root, split="test"))


def test_a_table_that_is_not_utf_8_is_answered_with_its_name(root: Path) -> None:
    (root / "validated.tsv").write_bytes(HEADER.encode() + b"aa\tcommon_voice_de_1.mp3\tx\tcaf\xe9\t\n")
    with pytest.raises(VqaudioError, match=r"validated\.tsv is not UTF-8"):
        list(common_voice.utterances(root))


def test_a_volunteer_without_a_name_is_no_speaker(root: Path) -> None:
    (root / "test.tsv").write_text(HEADER + "\tcommon_voice_de_1.mp3\tx\t \t\n", encoding="utf-8")
    (one,) = common_voice.utterances(root, split="test")
    assert (one.speaker, one.text) == (None, None)
