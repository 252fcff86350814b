"""TIMIT: 630 American speakers, ten sentences each, labelled by hand; 16 kHz NIST SPHERE files named .WAV.

Layout: `TRAIN|TEST/DR1/FCJF0/SA1.WAV` with `.PHN`, `.WRD` and `.TXT` beside it; many copies are in lower case.
Source: Garofolo et al. 1993, "TIMIT acoustic-phonetic continuous speech corpus", LDC93S1; the core test set is its
own (doc/testset.doc): two men and one woman of each dialect region.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_transcript, recordings, subset_folder

RECORDING = re.compile(r"(?P<sentence>S[AIX]\d+)\.wav", re.IGNORECASE)
WANTED = "TRAIN/DR1/FCJF0/SA1.WAV"
CORE_TEST = "core-test"
CORE_TEST_LIST = """
MDAB0 MWBT0 FELC0 MTAS1 MWEW0 FPAS0 MJMP0 MLNT0 FPKT0 MLLL0 MTLS0 FJLM0
MBPM0 MKLT0 FNLP0 MCMJ0 MJDH0 FMGD0 MGRT0 MNJM0 FDHC0 MJLN0 MPAM0 FMLD0
"""
CORE_TEST_SPEAKERS = frozenset(CORE_TEST_LIST.split())


def utterances(
    root: str | Path, *, split: str | None = None, has_dialect_sentences: bool = True
) -> Iterator[Utterance]:
    """Read the recordings, with speaker and text; ids are `FCJF0_SA1`, in capitals whatever the case of the files.

    root: the folder that holds TRAIN and TEST, in either case, or the one above it.
    split: "train", "test" or "core-test" (24 speakers of "test"); None reads both.
    has_dialect_sentences: False leaves out SA1 and SA2, which all speakers read, as is usual for phone recognition.
    Raises VqaudioError if there is no such split or recording, or a transcript is damaged.
    """
    if split not in (None, "train", "test", CORE_TEST):
        raise VqaudioError(f"TIMIT has the splits train, test and {CORE_TEST}, got {split!r}")
    for folder in _split_folders(subset_folder(root, None), "test" if split == CORE_TEST else split):
        for path, match in recordings(folder, RECORDING, "TIMIT", WANTED):
            speaker, sentence = path.parent.name.upper(), match["sentence"].upper()
            if split == CORE_TEST and speaker not in CORE_TEST_SPEAKERS:
                continue
            if has_dialect_sentences or not sentence.startswith("SA"):
                yield Utterance(id=f"{speaker}_{sentence}", path=path, speaker=speaker, text=_text(path))


def alignment_path(recording: Path, suffix: str = ".phn") -> Path:
    """Find the label file beside a recording, in whichever case it is there.

    suffix: ".phn" (phones), ".wrd" (words) or ".txt".  Raises VqaudioError if there is none.
    """
    for name in (suffix.upper(), suffix.lower()):
        if (path := recording.with_suffix(name)).is_file():
            return path
    raise VqaudioError(f"there is no {suffix.lower()} file beside {recording}; complete the corpus")


def _split_folders(root: Path, split: str | None) -> list[Path]:
    wanted = ("train", "test") if split is None else (split,)
    for folder in [root, *sorted(path for path in root.iterdir() if path.is_dir())]:
        subfolders = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
        if any(name in subfolders for name in wanted):
            return [subfolders[name] for name in wanted if name in subfolders]
    raise VqaudioError(f"{root} is not TIMIT; looked for the folder {' or '.join(wanted)}, in either case, in it")


def _text(recording: Path) -> str | None:
    """Read the sentence of the .TXT file, whose line is `first_sample end_sample sentence`."""
    try:
        path = alignment_path(recording, ".txt")
    except VqaudioError:
        return None
    line = read_transcript(path)
    match = re.fullmatch(r"\d+ \d+ (?P<text>.+)", line or "")
    if not match:
        raise VqaudioError(f"{path} is {line!r}; wanted `first_sample end_sample sentence`")
    return match["text"]
