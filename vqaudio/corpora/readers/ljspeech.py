"""LJSpeech: one English speaker, 22.05 kHz WAV, 24 hours.

Layout: `wavs/ID.wav`, and `metadata.csv` with lines `ID|text|text with numbers written out`, unquoted.
Source: Ito and Johnson 2017, "The LJ Speech Dataset", keithito.com/LJ-Speech-Dataset.
"""

from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_text

SPEAKER = "LJ"


def utterances(root: str | Path, *, is_text_normalized: bool = True) -> Iterator[Utterance]:
    """Read the lines of `metadata.csv`, in its order.

    root: the unpacked `LJSpeech-1.1` folder.  is_text_normalized: False takes the texts as printed.
    Raises VqaudioError if the table is missing or damaged, or a recording it names is not there.
    """
    root = Path(root)
    table = root / "metadata.csv"
    if not table.is_file() or not (root / "wavs").is_dir():
        raise VqaudioError(
            f"{root} is not LJSpeech; looked for metadata.csv and the folder wavs in it; give the folder that the "
            f"corpus was unpacked to (for recordings alone, use the reader `folder`)"
        )
    lines = read_text(table).splitlines()
    if not any(line.strip() for line in lines):
        raise VqaudioError(f"{table} is empty; unpack the corpus again")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _utterance(root, line, f"line {number} of {table}", is_text_normalized)


def _utterance(root: Path, line: str, where: str, is_text_normalized: bool) -> Utterance:
    fields = [field.strip() for field in line.split("|")]  # quotation marks are part of the text: no csv here
    if len(fields) not in (2, 3) or not fields[0]:
        raise VqaudioError(f"{where} has {len(fields)} fields; wanted ID|text|normalized text")
    path = root / "wavs" / f"{fields[0]}.wav"
    if not path.is_file():
        raise VqaudioError(f"{where} names {fields[0]}, but there is no {path}; complete the corpus or cut the line")
    text = fields[-1] if is_text_normalized else fields[1]
    return Utterance(id=fields[0], path=path, speaker=SPEAKER, text=text or fields[1] or None)
