"""LibriTTS and LibriTTS-R: read English cut at sentences, 24 kHz WAV.

Layout: `SUBSET/SPEAKER/CHAPTER/SPEAKER_CHAPTER_PARAGRAPH_SENTENCE.wav`, each with `.normalized.txt` (numbers and
abbreviations written out) and `.original.txt` beside it.
Source: Zen et al. 2019, "LibriTTS: a corpus derived from LibriSpeech for text-to-speech", arXiv:1904.02882.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_transcript, recordings, subset_folder

RECORDING = re.compile(r"(?P<id>(?P<speaker>\d+)_\d+_\d+_\d+)\.wav")
WANTED = "SPEAKER/CHAPTER/SPEAKER_CHAPTER_PARAGRAPH_SENTENCE.wav, e.g. 84/121123/84_121123_000007_000001.wav"


def utterances(root: str | Path, *, subset: str | None = None, is_text_normalized: bool = True) -> Iterator[Utterance]:
    """Read the recordings below `root`, with speaker and text; a recording without a transcript has text None.

    root: the unpacked `LibriTTS` folder, or one subset or speaker in it.
    subset: only this one, e.g. "train-clean-100".  is_text_normalized: False takes the texts as printed.
    Raises VqaudioError if there is no such recording or subset.
    """
    suffix = ".normalized.txt" if is_text_normalized else ".original.txt"
    for path, match in recordings(subset_folder(root, subset), RECORDING, "LibriTTS", WANTED):
        text = read_transcript(path.with_name(match["id"] + suffix))
        yield Utterance(id=match["id"], path=path, speaker=match["speaker"], text=text)
