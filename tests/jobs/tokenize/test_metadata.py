"""Speakers and texts from a CSV."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.metadata import with_metadata

SOURCES = [Source("a/1.wav", ""), Source("b.wav", ""), Source("c.wav", "")]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "metadata.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_reach_the_file_that_the_path_names(tmp_path: Path) -> None:
    path = write(
        tmp_path, '\ufeffpath,corpus,speaker,text\na/1.wav,x,ann,"well, ""yes"""\nb.wav,x,,\nother.wav,x,bob,no\n'
    )
    found = with_metadata(SOURCES, path)
    assert [(source.id, source.speaker, source.text) for source in found] == [
        ("a/1.wav", "ann", 'well, "yes"'), ("b.wav", None, None), ("c.wav", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"), [("id,speaker\na/1.wav,ann\n", "wanted path"), ("path,speaker\n/x/a.wav,ann\n", "names none")]
)
def test_a_csv_that_cannot_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(VqaudioError, match=message):
        with_metadata(SOURCES, write(tmp_path, text))
