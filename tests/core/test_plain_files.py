"""CSV and JSON files that a library refuses: a sentence with the file's name."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_csv, parse_json


def test_a_csv_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffpath,text\r\na.wav,"two\nlines"\r\n'.encode())
    with open_csv(path) as rows:
        assert rows.fieldnames == ["path", "text"]
        assert list(rows) == [{"path": "a.wav", "text": "two\nlines"}]


def test_a_tsv_has_tabs_between_its_cells_and_quotation_marks_in_them(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('path\ttext\na.wav\t"open, and "wide"\nb.wav\t"\n')
    with open_csv(path, has_tabs=True) as rows:
        assert list(rows) == [{"path": "a.wav", "text": '"open, and "wide"'}, {"path": "b.wav", "text": '"'}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path,text\na.wav,b\nb.wav," + b"x" * 200_000, "line 3 of .*: field larger than field limit"),
        (b"x" * 200_000, "line 1 of .*: field larger than field limit"),
        (b"path,text\na.wav,caf\xe9\n", "not UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_read_is_answered_with_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(VqaudioError, match=said) as caught, open_csv(path) as rows:
        list(rows)
    assert str(path) in str(caught.value)


def test_a_csv_that_is_not_there_is_answered_with_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(VqaudioError, match=r"none\.csv cannot be read: No such file"),
        open_csv(tmp_path / "none.csv"),
    ):
        pass


def test_an_error_about_a_row_passes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path\na.wav\n")
    with pytest.raises(VqaudioError, match=r"^no such recording$"), open_csv(tmp_path / "a.csv"):
        raise VqaudioError("no such recording")


def test_json_without_end_is_a_value_error() -> None:
    assert parse_json('{"a": [1, null]}') == {"a": [1, None]}
    for text in ("[" * 100_000, '{"a":' * 100_000, "{", "", "9" * 5_000):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own, of whatever words
            parse_json(text)
