"""The schema of a row of codes, and the stamp that ties it to its codec."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.core.units import FrameGrid
from vqaudio.tokens.arrays import array_of_numbers, array_of_texts, numbers_of
from vqaudio.tokens.runs import from_runs, to_runs

MAX_CODEBOOK_SIZE = 65_536  # codes are kept as uint16, those of pitch too: with one more, for what is unvoiced


@dataclass(frozen=True)
class CodecStamp:
    """The identity of the codec that made the codes.

    num_codebooks: the codebooks that are stored; the codec may have more.  config_sha256: of the whole effective
    configuration, which shapes codes and sound beside the weights; "" in stores from before it was kept.
    segments: how frames of one codebook became segments of one code, None where each frame has its nearest code.
    pitch_steps: of the pitch that stands beside the codes, see `vqaudio.codec.pitch.coder`; 0: none does.
    """

    name: str
    weights_sha256: str
    sample_rate_hz: int
    hop_samples: int
    num_codebooks: int
    codebook_size: int
    config_sha256: str = ""
    segments: SegmentSetting | None = None
    pitch_steps: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.pitch_steps < MAX_CODEBOOK_SIZE:
            raise VqaudioError(f"pitch has 1 to {MAX_CODEBOOK_SIZE - 1} steps, or 0 for none, got {self.pitch_steps}")
        if self.segments is not None:
            self.segments.require_one_codebook(self.name, self.num_codebooks)
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
        """Convert to a mapping of plain values, the fields by their names; no segments, and no pitch, are not named."""
        content = asdict(self)
        for name in ("segments", "pitch_steps"):
            if not content[name]:
                del content[name]
        return content

    @classmethod
    def from_json(cls, mapping: Any) -> "CodecStamp":
        """Parse what `to_json` made; fields that a later version added are left out.

        Raises VqaudioError if a field is missing or of another type.
        """
        try:
            values = {field.name: mapping[field.name] for field in fields(cls) if field.default is MISSING}
            values["config_sha256"] = mapping.get("config_sha256", "")
            values["pitch_steps"] = mapping.get("pitch_steps", 0)
            segments = mapping.get("segments")
        except (TypeError, KeyError, AttributeError) as error:
            raise VqaudioError(
                f"the codec stamp has no {error}; wanted {[field.name for field in fields(cls)]}"
            ) from None
        for field in fields(cls):
            if field.name != "segments" and not isinstance(
                values[field.name], str if field.type in (str, "str") else int
            ):
                raise VqaudioError(f"the codec stamp has {field.name} = {values[field.name]!r}; wanted {field.type}")
        return cls(**values, segments=None if segments is None else SegmentSetting.from_json(segments))

    def require_same(self, codec: "CodecStamp") -> None:
        """Check that these codes were made by `codec`, with all of its codebooks or only the first ones.

        Weights, configuration, grid and codebook size count, the name does not, nor do segments: the codec decodes
        them as it does frames; nor does pitch, which can be left out.  Raises VqaudioError that names both.
        """
        books = min(self.num_codebooks, codec.num_codebooks)
        beside = {"segments": self.segments, "pitch_steps": self.pitch_steps}
        if not self.is_same(replace(codec, num_codebooks=books, **beside)):
            raise VqaudioError(f"these codes were made by {self}, not by {codec}; use the codec that made them")

    def is_same(self, other: "CodecStamp") -> bool:
        """Return whether both make the same codes and the same sound; the names, and a hash not kept, do not count."""
        known = other.config_sha256 if self.config_sha256 else ""
        mine = self.config_sha256 if known else ""
        return replace(self, name="", config_sha256=mine) == replace(other, name="", config_sha256=known)

    def __str__(self) -> str:
        config = self.config_sha256[:12] or "not known"
        more = "" if self.segments is None else f", segments: {self.segments}"
        more += f", pitch in {self.pitch_steps} steps" * bool(self.pitch_steps)
        return (
            f"{self.name} (weights {self.weights_sha256[:12]}, config {config}, {self.sample_rate_hz} Hz, "
            f"hop {self.hop_samples}, {self.num_codebooks} x {self.codebook_size} codes{more})"
        )


@dataclass(frozen=True, eq=False)
class TokenRow:
    """The codes of one recording.

    codes: `k t` uint16, of segments the code of each of their frames · num_samples: at the codec's rate ·
    source_rate_hz: of the file · seconds: the file's length · pitch: `t` uint16, 0 for unvoiced frames, then 1 to the
    stamp's pitch_steps around pitch_median_hz, the speaker's (0: never voiced); None where the store has none.
    """

    id: str
    codes: np.ndarray
    num_samples: int
    source_rate_hz: int
    seconds: float
    speaker: str | None = None
    text: str | None = None
    pitch: np.ndarray | None = None
    pitch_median_hz: float = 0.0

    def has_pitch_as(self, stamp: CodecStamp) -> bool:
        """Return whether there is pitch for each frame in the steps that the stamp says, or none if it says none."""
        pitch, median_hz = self.pitch, self.pitch_median_hz
        if pitch is None or not stamp.pitch_steps:
            return pitch is None and not median_hz and not stamp.pitch_steps
        if pitch.shape != self.codes.shape[1:] or pitch.dtype.kind not in "iu" or not 0 <= median_hz < math.inf:
            return False
        highest = int(pitch.max(initial=0))
        return int(pitch.min(initial=0)) >= 0 and highest <= stamp.pitch_steps and (median_hz > 0 or highest == 0)

    @property
    def pitch_in_words(self) -> str:
        """What pitch there is, for sentences."""
        if self.pitch is None:
            return "no pitch"
        values = f"values from {self.pitch.min(initial=0)} to {self.pitch.max(initial=0)}"
        return f"pitch of {len(self.pitch)} frames, {values}, around {self.pitch_median_hz} Hz"

    @property
    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """The codes of the segments, `k s`, and their durations in frames, `s` int64; see `to_runs`."""
        return to_runs(self.codes)


_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("num_samples", pa.int64()),
    ("source_rate_hz", pa.int32()),
    ("seconds", pa.float64()),
    ("speaker", pa.string()),
    ("text", pa.string()),
    ("codes", pa.list_(pa.list_(pa.uint16()))),
]
_DURATIONS = ("durations", pa.list_(pa.uint32()))  # frames; a pause of 22 minutes would not fit 16 bits
# Frame by frame: Parquet packs the bits of few values and finds repeats; runs with durations are a fifth larger.
_PITCH = [("pitch", pa.list_(pa.uint16())), ("pitch_median_hz", pa.float32())]


def columns_of(stamp: CodecStamp) -> list[tuple[str, pa.DataType]]:
    """List the columns of a shard; of segments there are codes once, and durations beside them; then pitch."""
    return [*_COLUMNS, *([_DURATIONS] if stamp.segments else []), *(_PITCH if stamp.pitch_steps else [])]


def arrow_schema(stamp: CodecStamp) -> pa.Schema:
    """Make the columns of a shard, with the stamp in the metadata: a shard alone still names its codec."""
    return pa.schema(columns_of(stamp), metadata={"vqaudio_codec": json.dumps(stamp.to_json(), sort_keys=True)})


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
    books, kept, more = stamp.num_codebooks, [row.codes for row in rows], []
    if stamp.segments is not None:
        segments = [row.segments for row in rows]
        kept = [codes for codes, _ in segments]
        more = [_lists([durations.astype(np.uint32) for _, durations in segments], np.uint32)]
    rows_at = array_of_numbers(np.arange(0, books * len(rows) + 1, books, dtype=np.int32))
    codes = pa.ListArray.from_arrays(rows_at, _lists([book for codes in kept for book in codes], np.uint16))
    if stamp.pitch_steps:
        pitches = [np.zeros(0) if row.pitch is None else row.pitch for row in rows]
        medians = np.array([row.pitch_median_hz for row in rows], dtype=np.float32)
        more += [_lists([pitch.astype(np.uint16) for pitch in pitches], np.uint16), array_of_numbers(medians)]
    columns = [_column([vars(row)[name] for row in rows], kind) for name, kind in _COLUMNS[:-1]]
    return pa.Table.from_arrays([*columns, codes, *more], schema=arrow_schema(stamp))


def _lists(numbers: Sequence[np.ndarray], kind: type[np.integer]) -> pa.ListArray:
    """Make an array of lists of numbers."""
    ends = array_of_numbers(np.cumsum([0, *map(len, numbers)]).astype(np.int32))
    return pa.ListArray.from_arrays(ends, array_of_numbers(np.concatenate([np.zeros(0, dtype=kind), *numbers])))


def _column(values: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return array_of_texts(values)
    return array_of_numbers(np.array(values, dtype=np.dtype(kind.to_pandas_dtype())))


def rows_of(batch: pa.RecordBatch, stamp: CodecStamp) -> Iterator[TokenRow]:
    """Convert an Arrow batch to rows, the inverse of `table_of`.

    Raises VqaudioError if the columns are not those of `table_of`, or a row's codebooks differ in length or are not
    those that the stamp says, or its pitch is not.
    """
    columns = [(field.name, field.type) for field in batch.schema]
    if columns != columns_of(stamp):
        names = ", ".join(name for name, _ in columns)
        raise VqaudioError(f"a shard has other columns, or of other types, than vqaudio writes: {names}; it is damaged")
    plain = batch.select([name for name, _ in _COLUMNS[:-1]]).to_pylist()
    outer = batch.column("codes")
    inner = outer.values
    books, frames, flat = numbers_of(outer.offsets), numbers_of(inner.offsets), numbers_of(inner.values)
    times = None if stamp.segments is None else batch.column(_DURATIONS[0])
    ends, durations = (flat, flat) if times is None else (numbers_of(times.offsets), numbers_of(times.values))
    pitches = _pitches_in(batch) if stamp.pitch_steps else [{}] * len(plain)
    for number, values in enumerate(plain):
        edges = frames[books[number] : books[number + 1] + 1]
        if len(edges) < 2 or len(set(np.diff(edges).tolist())) != 1:
            raise VqaudioError(f"row {values['id']!r} does not hold codebooks of one length; the shard is damaged")
        codes = flat[edges[0] : edges[-1]].reshape(len(edges) - 1, -1).copy()
        wanted = (stamp.num_codebooks, stamp.grid.num_frames(values["num_samples"]))
        if times is not None:
            codes = _expanded(codes, durations[ends[number] : ends[number + 1]], wanted[1], values["id"])
        if codes.shape != wanted or (codes.size and int(codes.max()) >= stamp.codebook_size):
            raise VqaudioError(
                f"row {values['id']!r} holds {codes.shape[0]} codebooks of {codes.shape[1]} frames with codes up to "
                f"{codes.max(initial=0)}, wanted {wanted[0]} of {wanted[1]} with codes below {stamp.codebook_size}; "
                "the shard is damaged, or was not written by vqaudio"
            )
        row = TokenRow(codes=codes, **values, **pitches[number])
        if not row.has_pitch_as(stamp):
            raise VqaudioError(f"row {row.id!r} holds {row.pitch_in_words}; the shard is damaged")
        yield row


def _pitches_in(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Read the pitch of every row, as fields of a TokenRow."""
    lists, medians = batch.column(_PITCH[0][0]), numbers_of(batch.column(_PITCH[1][0]))
    ends, codes = numbers_of(lists.offsets), numbers_of(lists.values)
    return [
        {"pitch": codes[begin:end].copy(), "pitch_median_hz": float(median)}
        for begin, end, median in zip(ends[:-1], ends[1:], medians, strict=True)
    ]


def _expanded(codes: np.ndarray, durations: np.ndarray, num_frames: int, row_id: str) -> np.ndarray:
    """Repeat the codes of segments `k s` for their durations.  Raises VqaudioError unless they make up the frames."""
    total, least = int(durations.sum(dtype=np.int64)), int(durations.min(initial=1))
    if len(durations) != codes.shape[1] or total != num_frames or least < 1:
        raise VqaudioError(
            f"row {row_id!r} holds {codes.shape[1]} segments with {len(durations)} durations from {least} on, of "
            f"{total} frames in all, wanted as many, from 1 on, of {num_frames}; the shard is damaged"
        )
    return from_runs(codes, durations)
