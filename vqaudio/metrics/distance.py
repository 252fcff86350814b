"""Distances of a decoded waveform from its original: log-mel, multi-resolution STFT, SI-SDR.

numpy only, so that the worker processes of `evaluate` start without torch.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.mel import mel_filter_bank

Samples = NDArray[np.floating]

MEL_BANDS = 80
MEL_WINDOW_SAMPLES = 1024
MEL_HOP_SAMPLES = 256
MEL_FLOOR = 1e-4  # -80 dB below a full-scale sine counts as silence: the noise of 16 bits is no part of speech

# (n_fft, hop, window) in samples.  Source: Yamamoto et al. 2020, arXiv:1910.11480, section 3.2.
STFT_RESOLUTIONS = ((512, 50, 240), (1024, 120, 600), (2048, 240, 1200))
STFT_FLOOR = 1e-4  # of a full-scale sine; without it digital silence would decide the mean

SI_SDR_LIMIT_DB = 100.0  # both ways: beyond it float32 rounding is what is measured


def check_pair(reference: Samples, decoded: Samples) -> None:
    """Check that both are `n` samples of one length.  Raises VqaudioError if they are not."""
    if reference.ndim != 1 or reference.shape != decoded.shape:
        raise VqaudioError(
            f"a pair to compare must be two rows of samples of one length, got shapes {reference.shape} and "
            f"{decoded.shape}; trim or pad the decoded audio to its original first"
        )


def magnitudes(samples: Samples, n_fft: int, hop_samples: int, window_samples: int) -> NDArray[np.float32]:
    """Compute the magnitude STFT `t n_fft/2+1`, scaled so that a full-scale sine on a bin's centre gives 1.

    Frames are centred; beyond the ends there is silence.
    """
    padded = np.pad(np.asarray(samples, np.float32), (n_fft // 2, n_fft // 2))
    window = np.hanning(window_samples + 1)[:-1]
    window = np.pad(window, ((n_fft - window_samples) // 2, -(-(n_fft - window_samples) // 2)))
    window = (window / (window.sum() / 2)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_samples]
    return np.abs(np.fft.rfft(frames * window, axis=-1)).astype(np.float32)


@functools.lru_cache(maxsize=4)
def mel_bank(sample_rate_hz: int, n_fft: int, num_bands: int) -> NDArray[np.float32]:
    """Make the mel filter bank `num_bands n_fft/2+1`, once for each size.

    The filters are triangles of height 1 on the scale of O'Shaughnessy.
    """
    return mel_filter_bank(sample_rate_hz, n_fft // 2 + 1, num_bands)


def mel_distance_db(reference: Samples, decoded: Samples, sample_rate_hz: int) -> float:
    """Compute the mean absolute difference of 80-band log-mel spectra, in dB.  0 is identical.

    reference, decoded: `n` samples in [-1, 1].  NaN for no samples.  Raises VqaudioError for unequal lengths.
    """
    check_pair(reference, decoded)
    if not reference.size:
        return float("nan")
    bank = mel_bank(sample_rate_hz, MEL_WINDOW_SAMPLES, MEL_BANDS)

    def log_mel_db(samples: Samples) -> NDArray[np.float32]:
        spectrum = magnitudes(samples, MEL_WINDOW_SAMPLES, MEL_HOP_SAMPLES, MEL_WINDOW_SAMPLES)
        return 20 * np.log10(np.maximum(spectrum @ bank.T, MEL_FLOOR))

    return float(np.mean(np.abs(log_mel_db(reference) - log_mel_db(decoded))))


def stft_distance(reference: Samples, decoded: Samples) -> float:
    """Compute the multi-resolution STFT distance: spectral convergence + mean log-magnitude difference (nepers).

    0 is identical.
    reference, decoded: `n` samples.  NaN for a silent or empty reference.  Raises VqaudioError for unequal lengths.
    Source: Yamamoto et al. 2020, arXiv:1910.11480, eq. 4-6; the mean over the three resolutions.
    """
    check_pair(reference, decoded)
    if not np.any(reference):
        return float("nan")
    distances = []
    for resolution in STFT_RESOLUTIONS:
        wanted, got = magnitudes(reference, *resolution), magnitudes(decoded, *resolution)
        convergence = np.linalg.norm(wanted - got) / np.linalg.norm(wanted)
        logs = np.log(np.maximum(wanted, STFT_FLOOR)) - np.log(np.maximum(got, STFT_FLOOR))
        distances.append(convergence + np.mean(np.abs(logs)))
    return float(np.mean(distances))


def si_sdr_db(reference: Samples, decoded: Samples) -> float:
    """Compute the scale-invariant signal-to-distortion ratio in dB.

    Higher is better; means are removed first, and the ratio is limited to +-100 dB.
    reference, decoded: `n` samples.  NaN when either is silent (a constant): the ratio is then not defined.
    Raises VqaudioError for unequal lengths.  Source: Le Roux et al. 2019, arXiv:1811.02508, eq. 3.
    """
    check_pair(reference, decoded)
    if not reference.size:
        return float("nan")
    wanted = reference.astype(np.float64) - reference.mean(dtype=np.float64)
    got = decoded.astype(np.float64) - decoded.mean(dtype=np.float64)
    if not np.any(wanted) or not np.any(got):
        return float("nan")
    target = (got @ wanted) / (wanted @ wanted) * wanted
    error, power = got - target, got @ got
    smallest = power * 10 ** (-SI_SDR_LIMIT_DB / 10)
    return float(10 * np.log10(max(target @ target, smallest) / max(error @ error, smallest)))
