"""The archives that `vqaudio fetch` knows: addresses and checksums, kept as a table in `archives.tsv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError

TABLE = Path(__file__).with_name("archives.tsv")


@dataclass(frozen=True)
class Archive:
    """One archive file of a published corpus: its address, checksum and folders.

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
    """List every archive of the table, in its order."""
    with open(TABLE, encoding="utf-8", newline="") as lines:
        return [Archive(**row) for row in csv.DictReader((line for line in lines if line[0] != "#"), delimiter="\t")]


def find_archives(names: Sequence[str]) -> list[Archive]:
    """Find the archives that `corpus/part` names, or `corpus` for all its parts; each once, in the order asked for.

    Raises VqaudioError for a name that is not known, listing those that are.
    """
    known, archives = known_archives(), dict[str, Archive]()
    for name in names:
        matching = {archive.name: archive for archive in known if name in (archive.name, archive.corpus)}
        if not matching:
            parts = [archive.part for archive in known if archive.corpus == name.partition("/")[0]]
            corpora = ", ".join(dict.fromkeys(archive.corpus for archive in known))
            present = f"its parts are: {', '.join(parts)}" if parts else f"the corpora are: {corpora}"
            raise VqaudioError(f"no archive {name!r} is known; {present}; others must be downloaded by hand")
        archives.update(matching)
    return list(archives.values())
