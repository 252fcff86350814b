"""The setting of segments, which stands in the stamp of their codes."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from vqaudio.core.errors import VqaudioError

LOOKAHEAD_FRAMES = 2  # after the first frame of a segment, to know whether the change there is a peak


@dataclass(frozen=True)
class SegmentSetting:
    """The setting of `vqaudio.quantizers.segments.viterbi`; its costs are in typical distances of neighbouring codes.

    penalty: the cost of one segment more.  off_peak: how many times as much it costs off the peaks of change.
    softness: of the soft assignment whose change that is.  max_delay_frames: a frame's code is decided at most so many
    frames after it; None for the end of the recording.
    Raises VqaudioError for values out of range.
    """

    penalty: float = 4.0
    off_peak: float = 3.0
    softness: float = 4.0
    max_delay_frames: int | None = 50

    def __post_init__(self) -> None:
        is_finite = all(map(math.isfinite, (self.off_peak, self.softness)))
        if not (self.penalty >= 0 and self.off_peak >= 1 and self.softness > 0 and is_finite):
            raise VqaudioError(
                f"segments want a penalty of 0 or more, off_peak from 1 on, softness above 0; got {self}"
            )
        if self.max_delay_frames is not None and self.max_delay_frames < LOOKAHEAD_FRAMES:
            raise VqaudioError(f"segments are decided {LOOKAHEAD_FRAMES} frames later at the least, got {self}")

    def to_json(self) -> dict[str, Any]:
        """Convert to a mapping of plain values, the fields by their names."""
        return asdict(self)

    @classmethod
    def from_json(cls, mapping: Any) -> "SegmentSetting":
        """Parse what `to_json` made; fields that a later version added are an error: they shape the codes.

        Raises VqaudioError if a field is missing, unknown or of another type.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(mapping, dict) or sorted(mapping) != sorted(names):
            raise VqaudioError(f"segments have the setting {mapping!r}; wanted {', '.join(names)}")
        delay = mapping["max_delay_frames"]
        numbers = [mapping[name] for name in names if name != "max_delay_frames"]
        is_sound = all(type(number) in (int, float) for number in numbers)
        if not is_sound or not (delay is None or type(delay) is int):
            raise VqaudioError(f"segments have the setting {mapping!r}; wanted numbers")
        return cls(*map(float, numbers), max_delay_frames=delay)

    def require_one_codebook(self, name: str, num_codebooks: int) -> None:
        """Check that there is one code for each frame.  Raises VqaudioError that says what to do."""
        if num_codebooks != 1:
            raise VqaudioError(
                f"segments have one code each, {name} has {num_codebooks} for every frame: take the first codebook "
                "alone, --codebooks 1, or a codec of one, --codec units-16k"
            )

    def __str__(self) -> str:
        delay = "at the end" if self.max_delay_frames is None else f"within {self.max_delay_frames} frames"
        return f"penalty {self.penalty:g}, off peak x {self.off_peak:g}, softness {self.softness:g}, decided {delay}"
