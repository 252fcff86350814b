"""VCTK: 110 English speakers of many accents, 48 kHz.

Layout of version 0.92: `wav48_silence_trimmed/p225/p225_001_mic1.flac` and `txt/p225/p225_001.txt`;
of older ones: `wav48/p225/p225_001.wav`.  Speaker p315 has no texts, and p280 and p315 no second microphone.
Source: Yamagishi et al. 2019, "CSTR VCTK Corpus", doi:10.7488/ds/2645.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_transcript, recordings, subset_folder

SPOKEN_AS = r"(?P<id>(?P<speaker>[ps]\d+)_\d+)"
LAYOUTS = {  # folder: (what a recording is called, with the microphone's number left open; an example)
    "wav48_silence_trimmed": (SPOKEN_AS + r"_mic{}\.flac", "p225/p225_001_mic1.flac"),
    "wav48": (SPOKEN_AS + r"\.wav", "p225/p225_001.wav"),
}


def utterances(root: str | Path, *, microphone: int = 1) -> Iterator[Utterance]:
    """Read the recordings of one microphone, with speaker and text; a recording without a text file has text None.

    root: the unpacked folder, which holds `wav48_silence_trimmed` (version 0.92) or `wav48`, and `txt`.
    microphone: 1 (omni-directional) or 2 (cardioid); older versions have the first only.
    Raises VqaudioError if there is no such folder or recording.
    """
    if microphone not in (1, 2):
        raise VqaudioError(f"VCTK has the microphones 1 and 2, got {microphone}")
    root = subset_folder(root, None)
    present = [name for name in LAYOUTS if (root / name).is_dir()]
    if not present:
        raise VqaudioError(f"{root} is not VCTK; looked for the folders {' or '.join(LAYOUTS)} in it")
    if microphone == 2 and present == ["wav48"]:
        raise VqaudioError(f"{root} is an older VCTK with one microphone; take microphone=1")
    pattern, example = LAYOUTS[present[0]]
    name = re.compile(pattern.format(microphone))
    for path, match in recordings(root / present[0], name, "VCTK", example):
        text = read_transcript(root / "txt" / match["speaker"] / f"{match['id']}.txt")
        yield Utterance(id=match["id"], path=path, speaker=match["speaker"], text=text)
