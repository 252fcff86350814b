"""CMU Arctic: about 1130 sentences from each of 18 English voices, 16 kHz WAV.

Layout of a voice: `cmu_us_VOICE_arctic/wav/arctic_a0001.wav` and `etc/txt.done.data` with lines
`( arctic_a0001 "Author of the danger trail, Philip Steels, etc." )`.
Source: Kominek and Black 2004, "The CMU Arctic speech databases", festvox.org/cmu_arctic.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_text, recordings, subset_folder

VOICE = re.compile(r"cmu_us_(?P<voice>[a-z0-9]+)_arctic.*")  # releases may follow: cmu_us_slt_arctic-0.95-release
RECORDING = re.compile(r"(?P<id>[\w-]+)\.wav")
SENTENCE = re.compile(r'\(\s*(?P<id>\S+)\s+"(?P<text>(?:[^"\\]|\\.)*)"\s*\)')


def utterances(root: str | Path, *, voice: str | None = None) -> Iterator[Utterance]:
    """Read the recordings of all voices, with speaker and text; a recording that the table does not name has text None.

    root: the folder of one voice, or the folder that holds several.  voice: only this one, e.g. "slt".
    Raises VqaudioError if there is no such voice, a voice has no recordings, or its table of texts is damaged.
    """
    for name, folder in _voices(subset_folder(root, None), voice):
        texts = _texts(folder / "etc" / "txt.done.data")
        for path, match in recordings(folder / "wav", RECORDING, "CMU Arctic", "wav/arctic_a0001.wav"):
            yield Utterance(id=f"{name}_{match['id']}", path=path, speaker=name, text=texts.get(match["id"]))


def _voices(root: Path, wanted: str | None) -> list[tuple[str, Path]]:
    """List the names and folders of the voices in `root`, itself included."""
    folders = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    present = [(match["voice"], folder) for folder in folders if (match := VOICE.fullmatch(folder.absolute().name))]
    present = [(name, folder) for name, folder in present if (folder / "wav").is_dir()]
    kept = [(name, folder) for name, folder in present if wanted is None or name == wanted]
    if not kept:
        voices = ", ".join(name for name, _ in present) or "none"
        sought = "voice" if wanted is None else f"voice {wanted!r}"
        raise VqaudioError(f"no CMU Arctic {sought} in {root}; looked for cmu_us_VOICE_arctic/wav; voices: {voices}")
    return kept


def _texts(table: Path) -> dict[str, str]:
    if not table.is_file():
        return {}
    texts = {}
    for number, line in enumerate(read_text(table).splitlines(), 1):
        if line.strip():
            match = SENTENCE.fullmatch(line.strip())
            if not match:
                raise VqaudioError(f'line {number} of {table} is {line!r}; wanted ( id "text" )')
            texts[match["id"]] = re.sub(r"\\(.)", r"\1", match["text"]).strip()
    return texts
