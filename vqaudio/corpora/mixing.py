"""Noise and rooms that training crops are heard in: the codec must give noisy speech back, not clean it."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import uniform_draws

MIX_STREAM = 3  # of the draws, beside those of the crops
TABLE, KINDS = "noise.csv", ("noise", "room")
ROOM_S = 1.0  # of an impulse response that is kept
QUIET = 1e-9


@dataclass(frozen=True)
class NoiseConfig:
    """The backgrounds of training crops.

    root: a folder with noise.csv, whose columns are path and kind: `noise`, or `room` for an impulse response; none if
    empty.  noise_share, room_share: of the crops that get one.  snr_low_db, snr_high_db: of the noise, uniform.
    """

    root: str = ""
    noise_share: float = 0.25
    room_share: float = 0.12
    snr_low_db: float = 5.0
    snr_high_db: float = 30.0


class BackgroundMixer:
    """A mixer of crops with recorded noise and rooms, a pure function of seed, step and place in the batch.

    Raises VqaudioError if noise.csv cannot be read or names no background that is asked for.
    """

    def __init__(self, config: NoiseConfig, sample_rate_hz: int, seed: int) -> None:
        self.config, self._seed = config, seed
        paths = {kind: [path for path, its in _listed(Path(config.root)) if its == kind] for kind in KINDS}
        for kind, share in (("noise", config.noise_share), ("room", config.room_share)):
            if share and not paths[kind]:
                raise VqaudioError(f"{Path(config.root) / TABLE} lists no {kind}; set {kind}_share to 0 to go without")
        self._noises = [read_audio(path, sample_rate_hz) for path in paths["noise"]]
        self._rooms = [_direct_on(read_audio(path, sample_rate_hz), sample_rate_hz) for path in paths["room"]]

    def mix(self, crops: np.ndarray, step: int, batch_size: int, first: int) -> np.ndarray:
        """Mix the crops `b n` that begin at place `first` of a batch of batch_size; digital silence stays as it is.

        A room comes first, then noise; what then lies beyond full scale is brought down to it.  Returns `b n` float32.
        """
        draws = uniform_draws(self._seed, MIX_STREAM, step, 6 * batch_size).reshape(batch_size, 6)[first:]
        return np.stack([self._mixed(crop, draw) for crop, draw in zip(crops.astype(np.float32), draws, strict=False)])

    def _mixed(self, crop: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Mix one crop `n` by six numbers in [0, 1)."""
        if not crop.any():
            return crop
        if draw[0] < self.config.room_share:
            crop = fftconvolve(crop, self._rooms[int(draw[1] * len(self._rooms))])[: len(crop)]
        if draw[2] < self.config.noise_share:
            noise = self._noises[int(draw[3] * len(self._noises))]
            start = int(draw[4] * max(1, len(noise) - len(crop)))
            noise = np.resize(noise[start : start + len(crop)], len(crop))
            snr_db = self.config.snr_low_db + draw[5] * (self.config.snr_high_db - self.config.snr_low_db)
            crop = crop + noise * (_level(crop) / (_level(noise) + QUIET) * 10 ** (-snr_db / 20))
        return (crop / max(1.0, float(np.abs(crop).max()))).astype(np.float32)


def _listed(root: Path) -> list[tuple[Path, str]]:
    """Read path and kind of every background."""
    try:
        with open(root / TABLE, encoding="utf-8", newline="") as file:
            return [(root / row["path"], row["kind"]) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VqaudioError(f"{root / TABLE} cannot be read: {error}") from None
    except (KeyError, TypeError):
        raise VqaudioError(f"{root / TABLE} lacks the columns path and kind") from None


def _direct_on(response: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Cut an impulse response at its direct sound, so that speech keeps its time, and bring it to unit energy."""
    response = response[int(np.abs(response).argmax()) :][: round(ROOM_S * sample_rate_hz)]
    return response / max(float(np.sqrt(np.square(response).sum())), QUIET)


def _level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples).mean()))
