"""Checks of the samples of a file for silence, clipping and values that are not finite, made while it is read."""

from dataclasses import dataclass, field

import numpy as np

from vqaudio.core.errors import VqaudioError

FULL_SCALE = 0.99  # 8-bit files end at 127 / 128
CLIPPED_RUN = 4  # equal full-scale samples in a row: one or two are a peak, four are a plateau
MIN_CLIPPED = 10  # fewer samples on plateaus than this are not worth a warning


@dataclass(frozen=True)
class AudioReport:
    """A report of what a file held once it was read.

    num_samples: at the rate that was asked for; source_samples: at the file's own rate.
    """

    source_rate_hz: int
    num_channels: int
    source_samples: int
    num_samples: int
    warnings: tuple[str, ...]


@dataclass
class SampleChecks:
    """Running counts over the blocks of a file: `add` refuses samples that are not finite, `warnings` says the rest."""

    num_frames: int = 0
    peak: float = 0.0
    _num_values: int = field(default=0, repr=False)
    _num_clipped: int = field(default=0, repr=False)
    _num_beyond: int = field(default=0, repr=False)

    def add(self, block: np.ndarray) -> None:
        """Count one block, `n c` float32.  Raises VqaudioError if a sample is NaN or infinite."""
        if not block.size:
            return
        peak = float(np.abs(block).max())
        if not np.isfinite(peak):
            index = self.num_frames + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            kind = "NaN" if np.isnan(peak) else "infinite"
            raise VqaudioError(f"sample {index} is {kind}: every sample must be a finite number; write the file again")
        if peak >= FULL_SCALE:
            self._num_clipped += _on_plateaus(block)
            self._num_beyond += int((np.abs(block) > 1.0).sum())
        self.peak = max(self.peak, peak)
        self.num_frames += len(block)
        self._num_values += block.size

    def warnings(self) -> list[str]:
        """Write sentences for the user: digital silence, hard clipping, samples beyond full scale."""
        warnings = []
        if self.num_frames and self.peak == 0.0:
            warnings.append("digital silence: every sample is zero")
        if self._num_clipped >= MIN_CLIPPED:
            share = 100 * self._num_clipped / self._num_values
            warnings.append(f"clipped: {self._num_clipped} samples ({share:.2g} %) lie on plateaus at full scale")
        if self._num_beyond:
            warnings.append(f"{self._num_beyond} samples lie beyond [-1, 1], the loudest at {self.peak:.4g}")
        return warnings


def _on_plateaus(block: np.ndarray) -> int:
    """Count the samples that end a run of CLIPPED_RUN equal ones at full scale, over all channels."""
    is_repeat = (np.abs(block[1:]) >= FULL_SCALE) & (block[1:] == block[:-1])
    num_windows = len(is_repeat) - (CLIPPED_RUN - 2)
    if num_windows < 1:
        return 0
    ends = np.ones((num_windows, block.shape[1]), dtype=bool)
    for shift in range(CLIPPED_RUN - 1):
        ends &= is_repeat[shift : shift + num_windows]
    return int(ends.sum())
