"""speechocean762: read English by 250 Mandarin speakers, half of them children, 16 kHz WAV.

Layout: `train` and `test` with the Kaldi tables `wav.scp`, `text` and `utt2spk`, and `WAVE/SPEAKER0001/000010011.WAV`.
Source: Zhang et al. 2021, "speechocean762: an open-source non-native English speech corpus", openslr.org/101.
"""

from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import read_text, subset_folder

SPLITS = ("train", "test")


def utterances(root: str | Path, *, split: str | None = None) -> Iterator[Utterance]:
    """Read the lines of `wav.scp`, with speaker and text.

    root: the unpacked `speechocean762` folder.  split: "train" or "test"; None reads both.
    Raises VqaudioError if a table is missing or damaged, or a recording it names is not there.
    """
    root = subset_folder(root, None)
    if split not in (None, *SPLITS):
        raise VqaudioError(f"speechocean762 has the splits {' and '.join(SPLITS)}, got {split!r}")
    for name in SPLITS if split is None else (split,):
        folder = root / name
        if not (folder / "wav.scp").is_file():
            raise VqaudioError(f"{root} is not speechocean762; looked for {name}/wav.scp and the folder WAVE in it")
        speakers, texts = _table(folder / "utt2spk"), _table(folder / "text")
        for key, relative_path in _table(folder / "wav.scp").items():
            path = root / relative_path
            if not path.is_file():
                raise VqaudioError(
                    f"{folder / 'wav.scp'} names {relative_path}, but there is no {path}; complete the corpus"
                )
            yield Utterance(id=key, path=path, speaker=speakers.get(key), text=texts.get(key))


def _table(path: Path) -> dict[str, str]:
    """Read a Kaldi table: a key, white space, and the rest of the line."""
    if not path.is_file():
        raise VqaudioError(f"there is no {path}; unpack the corpus again")
    table: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split(None, 1)
        if len(fields) == 1:
            raise VqaudioError(f"line {number} of {path} is {line!r}; wanted a key and its value")
        if fields:
            table[fields[0]] = fields[1].strip()
    if not table:
        raise VqaudioError(f"{path} is empty; unpack the corpus again")
    return table
