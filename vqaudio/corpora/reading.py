"""The corpus readers by name: the only place where a `kind:` becomes a function."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers import (
    cmu_arctic,
    common_voice,
    folder,
    librispeech,
    libritts,
    ljspeech,
    manifest,
    speech_commands,
    speechocean,
    timit,
    vctk,
)

READERS: Mapping[str, Callable[..., Iterator[Utterance]]] = {
    "folder": folder.utterances,
    "manifest": manifest.utterances,
    "librispeech": librispeech.utterances,
    "libritts": libritts.utterances,
    "ljspeech": ljspeech.utterances,
    "vctk": vctk.utterances,
    "common_voice": common_voice.utterances,
    "cmu_arctic": cmu_arctic.utterances,
    "timit": timit.utterances,
    "speechocean762": speechocean.utterances,
    "speech_commands": speech_commands.utterances,
}


def read_corpus(kind: str, root: str | Path, **options: Any) -> list[Utterance]:
    """Read all utterances of the corpus at `root` with the reader called `kind`.

    options: the reader's own, e.g. `split="train"`.
    Raises VqaudioError for an unknown kind, an option the reader does not have, or a root that is not such a corpus.
    """
    if kind not in READERS:
        raise VqaudioError(f"there is no corpus reader {kind!r}; the readers are: {', '.join(sorted(READERS))}")
    known = [name for name in inspect.signature(READERS[kind]).parameters if name != "root"]
    for name in options:
        if name not in known:
            raise VqaudioError(f"the reader {kind!r} has no option {name!r}; its options: {', '.join(known) or 'none'}")
    return list(READERS[kind](root, **options))
