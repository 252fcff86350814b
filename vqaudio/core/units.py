"""Conversion of samples, frames and seconds by one rounding rule."""

from dataclasses import dataclass

from vqaudio.core.errors import VqaudioError


@dataclass(frozen=True)
class Interval:
    """A labelled interval of time: a phone, a word, a pause.

    start_s, end_s: seconds from the start of the file.
    """

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class FrameGrid:
    """A grid of code frames in time: frame `t` covers samples `[t * hop, (t + 1) * hop)`.

    >>> grid = FrameGrid(sample_rate_hz=16_000, hop_samples=320)
    >>> grid.frame_at(0.58), grid.num_frames(321), grid.frame_rate_hz
    (29, 2, 50.0)
    """

    sample_rate_hz: int
    hop_samples: int

    def __post_init__(self) -> None:
        if self.sample_rate_hz < 1 or self.hop_samples < 1:
            raise VqaudioError(
                f"a frame grid needs a sample rate and a hop of at least 1, got {self.sample_rate_hz} Hz "
                f"and {self.hop_samples} samples"
            )

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self.sample_rate_hz / self.hop_samples

    def num_frames(self, num_samples: int) -> int:
        """Count the frames that cover `num_samples` samples: the ceiling of samples / hop."""
        return -(-num_samples // self.hop_samples)

    def sample_at(self, time_s: float) -> int:
        """Find the sample nearest to a time.  Raises VqaudioError for a negative time."""
        if time_s < 0:
            raise VqaudioError(f"time_s must be 0 or more, got {time_s}")
        return round(time_s * self.sample_rate_hz)

    def frame_at(self, time_s: float) -> int:
        """Find the frame that holds the sample nearest to a time.  Raises VqaudioError for a negative time."""
        return self.sample_at(time_s) // self.hop_samples

    def time_at(self, sample: int) -> float:
        """Convert a sample's position to seconds from the start of the file."""
        return sample / self.sample_rate_hz
