"""Speech Commands: 35 English words (version 0.02) by 2600 speakers, one second each, 16 kHz WAV.

Layout: `WORD/SPEAKER_nohash_0.wav`, and the tables `validation_list.txt` and `testing_list.txt` with lines
`WORD/SPEAKER_nohash_0.wav`; what neither names is for training.  The noises in `_background_noise_` are left out.
Source: Warden 2018, "Speech Commands: a dataset for limited-vocabulary speech recognition", arXiv:1804.03209.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_text, recordings, subset_folder

RECORDING = re.compile(r"(?P<speaker>[0-9a-f]+)_nohash_\d+\.wav")
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
SPLITS = ("train", *LISTS)


def utterances(root: str | Path, *, split: str | None = None) -> Iterator[Utterance]:
    """Read the recordings, with the word as text; ids are `WORD/SPEAKER_nohash_0`.

    root: the folder that holds the folders of the words.  split: "train", "validation" or "test"; None reads all.
    Raises VqaudioError if there is no such recording, or a split is asked for and a table is missing.
    """
    root = subset_folder(root, None)
    if split not in (None, *SPLITS):
        raise VqaudioError(f"Speech Commands has the splits {', '.join(SPLITS)}, got {split!r}")
    listed = {} if split is None else {name: _listed(root / table) for name, table in LISTS.items()}
    for path, match in recordings(root, RECORDING, "Speech Commands", "yes/0a7c2a8d_nohash_0.wav"):
        word, name = path.parent.name, f"{path.parent.name}/{path.name}"
        if split is None or split == next((held_out for held_out in LISTS if name in listed[held_out]), "train"):
            yield Utterance(id=name.removesuffix(".wav"), path=path, speaker=match["speaker"], text=word)


def _listed(table: Path) -> frozenset[str]:
    if not table.is_file():
        raise VqaudioError(f"there is no {table}, which says what is in the split; unpack the corpus again")
    return frozenset(read_text(table).split())
