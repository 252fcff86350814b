"""Shards of a run: the recordings dealt out to several processes, each of which writes a store of its own."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from vqaudio.core.errors import VqaudioError

Item = TypeVar("Item")


@dataclass(frozen=True)
class RunShard:
    """One shard of a run: of the recordings sorted by id, number `index` and every `count`-th after it.

    num_recordings, ids_sha256: of the list of the whole run.  Where two shards differ in them, the recordings were
    dealt from different lists, and some would be lost or stand twice.

    >>> RunShard.of(["a", "b", "c", "d", "e"], index=1, count=2).own(["a", "b", "c", "d", "e"])
    ['b', 'd']
    """

    index: int
    count: int
    num_recordings: int
    ids_sha256: str

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise VqaudioError(
                f"shard {self.index}/{self.count}: wanted I/N with I from 0 to N - 1, such as 0/8 to 7/8"
            )

    @classmethod
    def of(cls, ids: Sequence[str], index: int, count: int) -> "RunShard":
        """Make shard `index` of `count` of a run over recordings of these ids, sorted.

        Raises VqaudioError unless index is from 0 to count - 1.
        """
        digest = hashlib.sha256()
        for row_id in ids:
            digest.update(json.dumps(row_id).encode() + b"\n")  # an id may hold a line end
        return cls(index, count, len(ids), digest.hexdigest())

    @property
    def name(self) -> str:
        """The folder of its store, such as `shard-00002-of-00008`."""
        return f"shard-{self.index:05d}-of-{self.count:05d}"

    @property
    def num_own(self) -> int:
        """Recordings of this shard."""
        return len(range(self.index, self.num_recordings, self.count))

    def own(self, items: Sequence[Item]) -> list[Item]:
        """Take the items of this shard, one for each recording of the run."""
        return list(items[self.index :: self.count])

    def is_same_run(self, other: "RunShard") -> bool:
        """Return whether both were dealt from the same list to the same number of shards."""
        mine, theirs = ((s.count, s.num_recordings, s.ids_sha256) for s in (self, other))
        return mine == theirs

    def to_json(self) -> dict[str, Any]:
        """Convert to a mapping of plain values, the fields by their names."""
        return asdict(self)

    @classmethod
    def from_json(cls, mapping: Any) -> "RunShard":
        """Parse what `to_json` made; fields that a later version added are left out.

        Raises VqaudioError if a field is missing or of another type.
        """
        kinds = {field.name: str if field.name == "ids_sha256" else int for field in fields(cls)}
        if not isinstance(mapping, dict) or any(type(mapping.get(name)) is not kind for name, kind in kinds.items()):
            raise VqaudioError(f"the manifest's run_shard is {mapping!r}; wanted {', '.join(kinds)}")
        return cls(**{name: mapping[name] for name in kinds})

    def __str__(self) -> str:
        return f"shard {self.index}/{self.count}"
