"""LibriSpeech: read English, 16 kHz FLAC.

Layout: `SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac`, texts in `SPEAKER-CHAPTER.trans.txt` beside them.
Source: Panayotov et al. 2015, "LibriSpeech: an ASR corpus based on public domain audio books", openslr.org/12.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_text, recordings, subset_folder

RECORDING = re.compile(r"(?P<id>(?P<speaker>\d+)-(?P<chapter>\d+)-\d+)\.flac")
WANTED = "SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac, e.g. 84/121123/84-121123-0000.flac"


def utterances(root: str | Path, *, subset: str | None = None) -> Iterator[Utterance]:
    """Read the recordings below `root`, with speaker and text; a recording without a transcript has text None.

    root: the unpacked `LibriSpeech` folder, or one subset or speaker in it.
    subset: only this one, e.g. "train-clean-100".
    Raises VqaudioError if there is no such recording or subset, or a transcript file is damaged.
    """
    chapter_folder, texts = None, {}
    for path, match in recordings(subset_folder(root, subset), RECORDING, "LibriSpeech", WANTED):
        if path.parent != chapter_folder:
            chapter_folder = path.parent
            texts = _transcripts(path.with_name(f"{match['speaker']}-{match['chapter']}.trans.txt"))
        yield Utterance(id=match["id"], path=path, speaker=match["speaker"], text=texts.get(match["id"]))


def _transcripts(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    texts = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            name, _, text = line.strip().partition(" ")
            if not text:
                raise VqaudioError(f"line {number} of {path} is {line!r}; wanted an utterance id and its text")
            texts[name] = text.strip()
    return texts
