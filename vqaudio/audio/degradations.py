"""Degradations of a recording that do not change what is said: level, noise, shift, band, coders, speed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

Samples = NDArray[np.float32]
MAX_LAG_S = 0.1  # of a coder's round trip, which is taken out again
CODER_RATE_HZ = 48_000  # at which Opus and MP3 are written: every decoder knows it


@dataclass(frozen=True)
class Degradation:
    """A change of a recording that keeps what is said.

    apply: (samples `n`, rate in Hz, hop in samples, random numbers) -> samples `n'`.
    is_aligned: frame t of both covers the same sound.
    """

    name: str
    apply: Callable[[Samples, int, int, np.random.Generator], Samples]
    is_aligned: bool = True


def change_gain(samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, gain_db: float) -> Samples:
    """Scale the samples by a gain; nothing is clipped."""
    return (samples * 10 ** (gain_db / 20)).astype(np.float32)


def add_noise(samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, snr_db: float) -> Samples:
    """Add white noise, `snr_db` below the level of the whole recording."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) * 10 ** (-snr_db / 20)
    return samples + (level * generator.standard_normal(len(samples))).astype(np.float32)


def shift(samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, hops: float) -> Samples:
    """Delay the samples by a part of a hop and keep their number: frames cover nearly the same sound."""
    delay = round(hops * hop)
    return np.concatenate([np.zeros(delay, dtype=np.float32), samples])[: len(samples)]


def band_limit(samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, through_hz: int) -> Samples:
    """Resample to another rate and back, which limits the bandwidth."""
    there = soxr.resample(samples, rate_hz, through_hz)
    return _as_long(soxr.resample(there, through_hz, rate_hz), samples)


def change_speed(samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, factor: float) -> Samples:
    """Play the recording faster: shorter, and higher in pitch."""
    return soxr.resample(samples, round(rate_hz * factor), rate_hz).astype(np.float32)


def recode(
    samples: Samples, rate_hz: int, hop: int, generator: np.random.Generator, *, container: str, subtype: str
) -> Samples:
    """Encode and decode with a lossy coder of libsndfile at its usual rate, and compensate its delay.

    Raises VqaudioError if this libsndfile does not have the coder.
    """
    if subtype not in soundfile.available_subtypes(container):
        raise VqaudioError(
            f"libsndfile {soundfile.__libsndfile_version__} does not write {subtype}; wanted 1.2 or later"
        )
    file = io.BytesIO()
    soundfile.write(
        file, soxr.resample(samples, rate_hz, CODER_RATE_HZ), CODER_RATE_HZ, format=container, subtype=subtype
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    back = soxr.resample(decoded, CODER_RATE_HZ, rate_hz)
    return _as_long(without_lag(back, samples, round(MAX_LAG_S * rate_hz)), samples)


def without_lag(samples: Samples, original: Samples, max_lag: int) -> Samples:
    """Align samples with the original: shift them by the lag, at most `max_lag` samples, that fits it best."""
    size = 1 << (len(samples) + len(original)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(original, size))
    fits = np.fft.irfft(spectrum, size)
    lags = np.arange(-max_lag, max_lag + 1)
    lag = int(lags[fits[lags].argmax()])
    return samples[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, dtype=samples.dtype), samples])


def _as_long(samples: NDArray[np.floating], original: Samples) -> Samples:
    missing = max(0, len(original) - len(samples))
    return np.pad(samples, (0, missing))[: len(original)].astype(np.float32)


DEGRADATIONS = (
    *(Degradation(f"gain {gain:+d} dB", partial(change_gain, gain_db=gain)) for gain in (-12, 6)),
    *(Degradation(f"noise {snr} dB", partial(add_noise, snr_db=snr)) for snr in (30, 20, 10, 5)),
    *(Degradation(f"shift {part:g} hop", partial(shift, hops=part)) for part in (0.25, 0.5)),
    *(Degradation(f"through {rate} Hz", partial(band_limit, through_hz=rate)) for rate in (8_000, 44_100)),
    Degradation("MP3", partial(recode, container="MP3", subtype="MPEG_LAYER_III")),
    Degradation("Opus", partial(recode, container="OGG", subtype="OPUS")),
    *(
        Degradation(f"speed {factor:g}", partial(change_speed, factor=factor), is_aligned=False)
        for factor in (0.9, 1.1)
    ),
)
