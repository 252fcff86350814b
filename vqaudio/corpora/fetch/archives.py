"""The archives that `vqaudio fetch` knows: addresses and checksums, kept as a table in `archives.tsv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError

TABLE = Path(__file__).with_name("archives.tsv")


@dataclass(frozen=True)
class Archive:
    """One file of a published corpus.

    corpus: also the name of its reader.  part: a subset, speaker or version.
    unpack_to, root: below the folder of all corpora, where it is unpacked and where the reader finds the corpus.
    url, sha256: where it is, and the digits that its bytes must have.
    """

    corpus: str
    part: str
    unpack_to: str
    root: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        """`corpus/part`, as a command line says it."""
        return f"{self.corpus}/{self.part}"


def known_archives() -> list[Archive]:
    """Every archive of the table, in its order."""
    with open(TABLE, encoding="utf-8", newline="") as lines:
        return [Archive(**row) for row in csv.DictReader((line for line in lines if line[0] != "#"), delimiter="\t")]


def find_archives(names: Sequence[str]) -> list[Archive]:
    """What `corpus/part` names, or `corpus` for all its parts; each once, in the order asked for.

    Raises VqaudioError for a name that is not known, listing those that are.
    """
    known, found = known_archives(), dict[str, Archive]()
    for name in names:
        matching = {one.name: one for one in known if name in (one.name, one.corpus)}
        if not matching:
            parts = [one.part for one in known if one.corpus == name.partition("/")[0]]
            corpora = ", ".join(dict.fromkeys(one.corpus for one in known))
            told = f"its parts are: {', '.join(parts)}" if parts else f"the corpora are: {corpora}"
            raise VqaudioError(f"no archive {name!r} is known; {told}; others must be downloaded by hand")
        found.update(matching)
    return list(found.values())
