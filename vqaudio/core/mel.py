"""The mel scale: one filter bank for the encoder, the losses, the metrics and the pictures."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

# Slaney's scale is linear below 1 kHz, 15 mel from 0 to 1000 Hz, and logarithmic above.
SLANEY_HZ_PER_MEL, SLANEY_KNEE_HZ, SLANEY_LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def hz_to_mel(frequency_hz: float, scale: Literal["htk", "slaney"] = "htk") -> float:
    """Convert a frequency in Hz to mel.

    Source: htk: O'Shaughnessy 1987, 2595 log10(1 + f / 700); slaney: Slaney 1998, Auditory Toolbox.

    >>> round(hz_to_mel(1000.0)), round(hz_to_mel(1000.0, "slaney"))
    (1000, 15)
    """
    if scale == "htk":
        return float(2595 * np.log10(1 + frequency_hz / 700))
    if frequency_hz < SLANEY_KNEE_HZ:
        return frequency_hz / SLANEY_HZ_PER_MEL
    return float(SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL + np.log(frequency_hz / SLANEY_KNEE_HZ) / SLANEY_LOG_STEP)


def mel_to_hz(mels: NDArray[np.float64], scale: Literal["htk", "slaney"] = "htk") -> NDArray[np.float64]:
    """Convert mels back, the exact inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    knee = SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL
    return np.where(mels < knee, mels * SLANEY_HZ_PER_MEL, SLANEY_KNEE_HZ * np.exp(SLANEY_LOG_STEP * (mels - knee)))


def mel_filter_bank(
    sample_rate_hz: int,
    num_bins: int,
    num_bands: int,
    *,
    scale: Literal["htk", "slaney"] = "htk",
    norm: Literal["peak", "area", "average"] = "peak",
    is_widened: bool = False,
) -> NDArray[np.float32]:
    """Make a bank of triangles with corners equally far apart in mel, from 0 Hz to half the sample rate: `m f`.

    num_bins: `f`, of a Fourier transform, the two ends included.  norm: height 1, area 2 in Hz, or weights that sum
    to 1, so that a band is an average of its bins.  is_widened: a band narrower than a bin reaches to the bins around.
    Raises VqaudioError for fewer than 2 bins or no band.
    """
    if num_bins < 2 or num_bands < 1:
        raise VqaudioError(f"a mel filter bank needs 2 bins and 1 band or more, got {num_bins} and {num_bands}")
    nyquist_hz = sample_rate_hz / 2
    corners_hz = mel_to_hz(np.linspace(0, hz_to_mel(nyquist_hz, scale), num_bands + 2), scale)
    bin_hz = nyquist_hz / (num_bins - 1)
    low, centre, high = corners_hz[:-2, None], corners_hz[1:-1, None], corners_hz[2:, None]
    if is_widened:
        low, high = np.minimum(low, centre - bin_hz), np.maximum(high, centre + bin_hz)
    bins_hz = np.arange(num_bins) * bin_hz
    triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)).clip(min=0)
    if norm == "area":
        triangles = triangles * 2 / (high - low)
    elif norm == "average":
        triangles = triangles / np.maximum(triangles.sum(axis=1, keepdims=True), 1e-8)
    return triangles.astype(np.float32)
