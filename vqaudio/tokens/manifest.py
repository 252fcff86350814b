"""The manifest `vqaudio.json`: the stamp, the counts and the list of the shards that are complete."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.schema import CodecStamp

MANIFEST = "vqaudio.json"
FORMAT = "vqaudio tokens"
FORMAT_VERSION = 3  # with pitch; 2 of segments, 1 else: what read these before the others came still reads them
MAKE_ONE = "`vqaudio tokenize WAV_DIR --out DIR` makes one"


@dataclass(frozen=True)
class Shard:
    """One complete Parquet file.

    path: relative to the store.  num_bytes, num_rows, num_samples, num_frames: in it.
    """

    path: str
    sha256: str
    num_bytes: int
    num_rows: int
    num_samples: int
    num_frames: int


@dataclass(frozen=True)
class Manifest:
    """The contents of a store: its stamp, its shards and the number of failures.

    run_shard: which shard of a run it is, or None for a whole run.
    """

    stamp: CodecStamp
    shards: tuple[Shard, ...] = ()
    num_failures: int = 0
    run_shard: RunShard | None = None

    @property
    def num_rows(self) -> int:
        """Rows in all shards."""
        return sum(shard.num_rows for shard in self.shards)

    def with_shard(self, shard: Shard) -> "Manifest":
        """Return the manifest with one shard more."""
        return replace(self, shards=(*self.shards, shard))

    def with_shard_anew(self, number: int, shard: Shard) -> "Manifest":
        """Return the manifest with another shard in the place of one."""
        return replace(self, shards=(*self.shards[:number], shard, *self.shards[number + 1 :]))

    def counts(self) -> dict[str, Any]:
        """Count rows, samples, seconds, frames, codes (segments have fewer, which are not counted) and failures."""
        samples = sum(shard.num_samples for shard in self.shards)
        frames = sum(shard.num_frames for shard in self.shards)
        return {
            "rows": self.num_rows,
            "samples": samples,
            "seconds": samples / self.stamp.sample_rate_hz,
            "frames": frames,
            **({} if self.stamp.segments else {"codes": frames * self.stamp.num_codebooks}),
            "failures": self.num_failures,
        }

    def write(self, folder: Path) -> None:
        """Replace vqaudio.json in one step."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION if self.stamp.pitch_steps else 2 if self.stamp.segments else 1,
            "codec": self.stamp.to_json(),
            **({"run_shard": self.run_shard.to_json()} if self.run_shard else {}),
            "counts": self.counts(),
            "shards": [asdict(shard) for shard in self.shards],
        }
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        replace_durably(folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a store.

    Raises VqaudioError if it is missing, damaged, of a later version or another kind.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        has_shards = any(folder.glob("shard-*-of-*"))
        way = "`vqaudio merge DIR --out STORE` joins the shards in it" if has_shards else MAKE_ONE
        raise VqaudioError(f"{folder} holds no {MANIFEST}: it is no token store; {way}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise VqaudioError(f"{path} cannot be read: {error}") from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or not isinstance(content.get("shards"), list):
        raise VqaudioError(f"{path} is not the manifest of a token store: it lacks format_version or shards")
    if version > FORMAT_VERSION:
        raise VqaudioError(f"{path} is of format {version}, this vqaudio reads up to {FORMAT_VERSION}; upgrade it")
    try:
        shards = tuple(Shard(**shard) for shard in content["shards"])
    except TypeError as error:
        raise VqaudioError(f"{path}: a shard's entry is wrong: {error}") from None
    run_shard = RunShard.from_json(content["run_shard"]) if "run_shard" in content else None
    num_failures = content.get("counts", {}).get("failures", 0)
    return Manifest(CodecStamp.from_json(content.get("codec")), shards, num_failures, run_shard)


def require_shards(folder: Path, shards: Iterable[Shard]) -> None:
    """Check that every shard is there with its size.  Raises VqaudioError that names those that are not."""
    wrong = []
    for shard in shards:
        path = folder / shard.path
        if not path.is_file():
            wrong.append(f"{shard.path} is missing")
        elif path.stat().st_size != shard.num_bytes:
            wrong.append(f"{shard.path} has {path.stat().st_size} bytes, not {shard.num_bytes}")
    if wrong:
        raise VqaudioError(
            f"the token store {folder} is incomplete: {'; '.join(wrong[:3])} ({len(wrong)} of its shards); "
            "copy it again, or make it again with `vqaudio tokenize --overwrite`"
        )
