"""Sound and pictures as data URIs, for a page without other files."""

import base64
import colorsys
import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from vqaudio.metrics.distance import Samples, magnitudes, mel_bank

Pixels = NDArray[np.uint8]  # `rows columns 3`

WINDOW_SAMPLES = 1024
COLUMNS_PER_S = 100
MEL_BANDS = 80
RANGE_DB = 70.0  # below the loudest band: what the picture shows
GOLDEN_RATIO = (5**0.5 - 1) / 2


def data_uri(kind: str, content: bytes) -> str:
    """Encode bytes of a media type as a URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def sound_uri(samples: Samples, sample_rate_hz: int) -> str:
    """Encode `n` samples in [-1, 1] as FLAC of 16 bits: half of a wav file, and every browser plays it."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return data_uri("audio/flac", file.getvalue())


def picture_uri(pixels: Pixels) -> str:
    """Encode a picture as PNG."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return data_uri("image/png", file.getvalue())


def spectrogram(samples: Samples, sample_rate_hz: int) -> Pixels:
    """Draw a log-mel spectrogram, one column for 10 ms, low bands below; the loudest is light, 70 dB less is dark."""
    from matplotlib import colormaps

    hop = max(1, sample_rate_hz // COLUMNS_PER_S)
    spectrum = magnitudes(samples, WINDOW_SAMPLES, hop, WINDOW_SAMPLES)
    level_db = 20 * np.log10(np.maximum(spectrum @ mel_bank(sample_rate_hz, WINDOW_SAMPLES, MEL_BANDS).T, 1e-6))
    shade = np.clip((level_db - level_db.max()) / RANGE_DB + 1, 0, 1)
    return _bytes(colormaps["magma"](shade.T[::-1])[..., :3])


def code_strip(codes: NDArray[np.integer]) -> Pixels:
    """Draw codes `t` as one row of colours: equal codes have equal colours, neighbours in number distant ones."""
    colours = {int(code): code_colour(int(code)) for code in np.unique(codes)}
    return _bytes(np.array([[colours[int(code)] for code in codes]], np.float64).reshape(1, -1, 3))


def code_colour(code: int) -> tuple[float, float, float]:
    """Choose a code's red, green and blue in [0, 1]; hues go round by the golden ratio, so the first few differ."""
    hue = code * GOLDEN_RATIO % 1
    return colorsys.hls_to_rgb(hue, 0.42 + 0.22 * (code * GOLDEN_RATIO**2 * 7 % 1), 0.65)


def _bytes(shares: NDArray[np.floating]) -> Pixels:
    return np.rint(shares * 255).astype(np.uint8)
