"""The schema of a row of codes, and the stamp that ties it to its codec."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.core.units import FrameGrid
from vqaudio.tokens.arrays import array_of_numbers, array_of_texts, numbers_of

MAX_CODEBOOK_SIZE = 65_536  # codes are kept as uint16


@dataclass(frozen=True)
class CodecStamp:
    """The identity of the codec that made the codes.

    num_codebooks: the codebooks that are stored; the codec may have more.  config_sha256: of the whole effective
    configuration, which shapes codes and sound beside the weights; "" in stores from before it was kept.
    """

    name: str
    weights_sha256: str
    sample_rate_hz: int
    hop_samples: int
    num_codebooks: int
    codebook_size: int
    config_sha256: str = ""

    def __post_init__(self) -> None:
        if self.num_codebooks < 1 or not 1 <= self.codebook_size <= MAX_CODEBOOK_SIZE:
            raise VqaudioError(
                f"a token store keeps 1 or more codebooks of at most {MAX_CODEBOOK_SIZE} codes, "
                f"got {self.num_codebooks} of {self.codebook_size}"
            )

    @property
    def grid(self) -> FrameGrid:
        """The codec's time grid."""
        return FrameGrid(self.sample_rate_hz, self.hop_samples)

    @property
    def frame_rate_hz(self) -> float:
        """Frames in one second."""
        return self.grid.frame_rate_hz

    def to_json(self) -> dict[str, Any]:
        """Convert to a mapping of plain values, the fields by their names."""
        return asdict(self)

    @classmethod
    def from_json(cls, mapping: Any) -> "CodecStamp":
        """Parse what `to_json` made; fields that a later version added are left out.

        Raises VqaudioError if a field is missing or of another type.
        """
        try:
            values = {field.name: mapping[field.name] for field in fields(cls) if field.default is MISSING}
            values["config_sha256"] = mapping.get("config_sha256", "")
        except (TypeError, KeyError, AttributeError) as error:
            raise VqaudioError(
                f"the codec stamp has no {error}; wanted {[field.name for field in fields(cls)]}"
            ) from None
        for field in fields(cls):
            if not isinstance(values[field.name], str if field.type in (str, "str") else int):
                raise VqaudioError(f"the codec stamp has {field.name} = {values[field.name]!r}; wanted {field.type}")
        return cls(**values)

    def require_same(self, codec: "CodecStamp") -> None:
        """Check that these codes were made by `codec`, with all of its codebooks or only the first ones.

        Weights, configuration, grid and codebook size count, the name does not.  Raises VqaudioError that names both.
        """
        books = min(self.num_codebooks, codec.num_codebooks)
        if not self.is_same(replace(codec, num_codebooks=books)):
            raise VqaudioError(f"these codes were made by {self}, not by {codec}; use the codec that made them")

    def is_same(self, other: "CodecStamp") -> bool:
        """Return whether both make the same codes and the same sound; the names, and a hash not kept, do not count."""
        known = other.config_sha256 if self.config_sha256 else ""
        mine = self.config_sha256 if known else ""
        return replace(self, name="", config_sha256=mine) == replace(other, name="", config_sha256=known)

    def __str__(self) -> str:
        config = self.config_sha256[:12] or "not known"
        return (
            f"{self.name} (weights {self.weights_sha256[:12]}, config {config}, {self.sample_rate_hz} Hz, "
            f"hop {self.hop_samples}, {self.num_codebooks} x {self.codebook_size} codes)"
        )


@dataclass(frozen=True, eq=False)
class TokenRow:
    """The codes of one recording.

    codes: `k t` uint16 · num_samples: at the codec's rate · source_rate_hz: of the file · seconds: the file's length.
    """

    id: str
    codes: np.ndarray
    num_samples: int
    source_rate_hz: int
    seconds: float
    speaker: str | None = None
    text: str | None = None


_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("num_samples", pa.int64()),
    ("source_rate_hz", pa.int32()),
    ("seconds", pa.float64()),
    ("speaker", pa.string()),
    ("text", pa.string()),
    ("codes", pa.list_(pa.list_(pa.uint16()))),
]


def arrow_schema(stamp: CodecStamp) -> pa.Schema:
    """Make the columns of a shard, with the stamp in the metadata: a shard alone still names its codec."""
    return pa.schema(_COLUMNS, metadata={"vqaudio_codec": json.dumps(stamp.to_json(), sort_keys=True)})


def stamp_in(schema: pa.Schema) -> CodecStamp:
    """Read the stamp that `arrow_schema` put there.  Raises VqaudioError if there is none, or it is damaged."""
    packed = (schema.metadata or {}).get(b"vqaudio_codec")
    if packed is None:
        raise VqaudioError("a Parquet file without a codec stamp; vqaudio did not write it")
    try:
        return CodecStamp.from_json(parse_json(packed))
    except ValueError as error:
        raise VqaudioError(f"a Parquet file with a damaged codec stamp: {error}") from None


def table_of(rows: Sequence[TokenRow], stamp: CodecStamp) -> pa.Table:
    """Convert rows to one Arrow table."""
    books = stamp.num_codebooks
    lengths = np.repeat([row.codes.shape[1] for row in rows], books)
    flat = np.concatenate([row.codes.ravel() for row in rows]) if rows else np.zeros(0, dtype=np.uint16)
    ends = array_of_numbers(np.cumsum([0, *lengths]).astype(np.int32))
    frames = pa.ListArray.from_arrays(ends, array_of_numbers(flat))
    rows_at = array_of_numbers(np.arange(0, books * len(rows) + 1, books, dtype=np.int32))
    codes = pa.ListArray.from_arrays(rows_at, frames)
    columns = [_column([vars(row)[name] for row in rows], kind) for name, kind in _COLUMNS[:-1]]
    return pa.Table.from_arrays([*columns, codes], schema=arrow_schema(stamp))


def _column(values: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return array_of_texts(values)
    return array_of_numbers(np.array(values, dtype=np.dtype(kind.to_pandas_dtype())))


def rows_of(batch: pa.RecordBatch, stamp: CodecStamp) -> Iterator[TokenRow]:
    """Convert an Arrow batch to rows, the inverse of `table_of`.

    Raises VqaudioError if the columns are not those of `table_of`, or a row's codebooks differ in length or are not
    those that the stamp says.
    """
    columns = [(field.name, field.type) for field in batch.schema]
    if columns != _COLUMNS:
        names = ", ".join(name for name, _ in columns)
        raise VqaudioError(f"a shard has other columns, or of other types, than vqaudio writes: {names}; it is damaged")
    plain = batch.drop_columns(["codes"]).to_pylist()
    outer = batch.column("codes")
    inner = outer.values
    books, frames, flat = numbers_of(outer.offsets), numbers_of(inner.offsets), numbers_of(inner.values)
    for number, values in enumerate(plain):
        edges = frames[books[number] : books[number + 1] + 1]
        if len(edges) < 2 or len(set(np.diff(edges).tolist())) != 1:
            raise VqaudioError(f"row {values['id']!r} does not hold codebooks of one length; the shard is damaged")
        codes = flat[edges[0] : edges[-1]].reshape(len(edges) - 1, -1).copy()
        wanted = (stamp.num_codebooks, stamp.grid.num_frames(values["num_samples"]))
        if codes.shape != wanted or (codes.size and int(codes.max()) >= stamp.codebook_size):
            raise VqaudioError(
                f"row {values['id']!r} holds {codes.shape[0]} codebooks of {codes.shape[1]} frames with codes up to "
                f"{codes.max(initial=0)}, wanted {wanted[0]} of {wanted[1]} with codes below {stamp.codebook_size}; "
                "the shard is damaged, or was not written by vqaudio"
            )
        yield TokenRow(codes=codes, **values)
