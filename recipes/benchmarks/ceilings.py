"""Where a codec's loss is: what PESQ and STOI would be if a part of it were perfect.

    python recipes/benchmarks/ceilings.py DIR [--list FILE] [--codec NAME|DIR] [--files 20]

Magnitudes of 40 ms windows every 10 ms go through the same synthesis, fast Griffin-Lim of librosa with as many
iterations as the decoder has: as they are; through the stem's mel bands and back; through principal components of the
log mel bands of a frame, fitted to these very recordings; cut where they are softer than a floor below the running
level.  Then what the codec makes of the recordings, with its own synthesis: without codebooks, and with 1, 2, 4 ... of
them, beside the squared distance of the latents over their variance.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.decomposition import PCA

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.windows import encode_windows
from vqaudio.jobs.evaluate.evaluation import choose_sources
from vqaudio.metrics.pair import score_pair
from vqaudio.nn.stem import FLOOR, LevelFollower, mel_bands

WINDOW, HOP, RATE_HZ = 640, 160, 16_000
SCALE = WINDOW / 4  # magnitude of a sinusoid of amplitude 1
FLOORS = (FLOOR, 5e-5, 1e-5)
COMPONENTS = (64, 96)
METRICS = ("pesq_wb", "stoi")

Amplitudes = NDArray[np.float32]  # `f t`, a sinusoid of amplitude 1 having 1
Way = Callable[[Amplitudes], Amplitudes]


def amplitudes_of(samples: NDArray[np.float32]) -> Amplitudes:
    """Compute the amplitudes of windows around every tenth millisecond."""
    return np.abs(librosa.stft(samples, n_fft=WINDOW, hop_length=HOP)).astype(np.float32) / SCALE


def synthesize(amplitudes: Amplitudes, num_samples: int, num_iterations: int) -> NDArray[np.float32]:
    """Find phases by fast Griffin-Lim, from zero, and overlap and add."""
    return librosa.griffinlim(
        amplitudes * SCALE, n_iter=num_iterations, hop_length=HOP, n_fft=WINDOW, init=None, length=num_samples
    ).astype(np.float32)


def levels_of(amplitudes: Amplitudes) -> NDArray[np.float32]:
    """Follow the running level as the stem does: amplitude, `t`."""
    power = torch.from_numpy(np.square(amplitudes).sum(axis=0) / 1.5)[None]
    follower = LevelFollower(RATE_HZ / HOP)
    levels, _ = follower.step(power, follower.zero_state(power))
    return np.power(10.0, levels[0].numpy()).astype(np.float32)


def cut(amplitudes: Amplitudes, floor: float, *, is_filled: bool) -> Amplitudes:
    """Silence what is softer than floor times the running level, or bring it up to there."""
    floors = floor * levels_of(amplitudes) / 10**-1.2  # the floor is that of speech at its nominal level
    return np.where(amplitudes < floors, floors * is_filled, amplitudes).astype(np.float32)


class MelBands:
    """Mel bands of the stem, and the amplitudes of least squares that have them."""

    def __init__(self, num_bands: int) -> None:
        self.bank = mel_bands(RATE_HZ, WINDOW // 2 + 1, num_bands).T.numpy()  # m f
        self.inverse = np.linalg.pinv(self.bank)

    def there(self, amplitudes: Amplitudes) -> NDArray[np.float32]:
        """Compute log10 bands of two windows for each frame of 20 ms: `t 2m`."""
        bands = np.log10(self.bank @ amplitudes + 1e-6).T
        return bands[: len(bands) // 2 * 2].reshape(len(bands) // 2, -1)

    def back(self, frames: NDArray[np.float32], num_windows: int) -> Amplitudes:
        """Compute amplitudes of so many windows."""
        bands = 10.0 ** frames.reshape(-1, len(self.bank)).T - 1e-6
        bands = np.pad(bands, ((0, 0), (0, num_windows - bands.shape[1])), mode="edge")
        return np.clip(self.inverse @ bands, 0, None).astype(np.float32)


def ways(recordings: list[NDArray[np.float32]], num_bands: int) -> dict[str, Way]:
    """Name what happens to the amplitudes."""
    bands = MelBands(num_bands)
    frames = np.concatenate([bands.there(amplitudes_of(samples)) for samples in recordings])

    def through(analysis: PCA, amplitudes: Amplitudes) -> Amplitudes:
        kept = analysis.inverse_transform(analysis.transform(bands.there(amplitudes)))
        return bands.back(kept.astype(np.float32), amplitudes.shape[1])

    named: dict[str, Way] = {
        "exact magnitudes": lambda amplitudes: amplitudes,
        f"{num_bands} mel bands": lambda a: bands.back(bands.there(a), a.shape[1]),
    }
    for count in COMPONENTS:
        analysis = PCA(count, svd_solver="covariance_eigh").fit(frames)
        named[f"{count} components a frame"] = lambda a, analysis=analysis: through(analysis, a)
    for floor in FLOORS:
        named[f"below {floor:g} of the level removed"] = lambda a, floor=floor: cut(a, floor, is_filled=False)
        named[f"below {floor:g} of the level filled up"] = lambda a, floor=floor: cut(a, floor, is_filled=True)
    return named


@torch.inference_mode()
def codec_rows(codec: Codec, samples: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float32], float]]:
    """Yield name, sound and relative squared distance of latents: without codebooks, and with 1, 2, 4 ... of them."""
    audio = torch.from_numpy(samples)[None, None]
    voice = codec.speaker_embeddings(audio, None)
    yield "no codebooks", codec.bypass_quantizer(audio, embeddings=voice)[0, 0].numpy(), 0.0
    codes, latents = encode_windows(codec.encoder, codec.quantizer, audio, window_frames=codec.window_frames)
    wanted = latents.vectors if latents.level_offset is None else latents.vectors + latents.level_offset
    variance = (wanted - wanted.mean(-1, keepdim=True)).square().mean()
    for power in range(codec.num_codebooks.bit_length()):
        some = codes[:, : 1 << power]
        target = latents.vectors if some.shape[1] == 1 else wanted  # the level joins with the second codebook
        error = float((codec.decode_latents(some) - target).square().mean() / variance)
        sound = codec.decode(some, len(samples), embeddings=voice)[0, 0].numpy()
        yield f"{some.shape[1]} codebook{'s' * (some.shape[1] > 1)}", sound, error


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, metavar="DIR")
    parser.add_argument("--list", type=Path, help="only these files: one path below DIR a line")
    parser.add_argument("--codec", default="speech-16k")
    parser.add_argument("--files", type=int, default=20, help="spread over all (default: 20)")
    args = parser.parse_args()
    codec = open_codec(args.codec)
    sources = choose_sources(args.audio, args.list)
    sources = sources[:: max(1, len(sources) // args.files)][: args.files]
    recordings = [read_audio(source.path, RATE_HZ) for source in sources]
    named = ways(recordings, codec.config.encoder.stem_bands)
    scores: dict[str, list[dict[str, float]]] = {}
    for samples in track(recordings, "recordings", console=Console(stderr=True)):
        amplitudes = amplitudes_of(samples)
        made = [
            (name, synthesize(way(amplitudes), len(samples), codec.config.decoder.phase_iterations), np.nan)
            for name, way in named.items()
        ]
        for name, sound, error in [*made, *codec_rows(codec, samples)]:
            found = score_pair(samples, sound, RATE_HZ, METRICS)
            scores.setdefault(name, []).append({**found, "error": error})
    table = Table("what is given", "PESQ-WB", "STOI", "error of latents", box=None)
    for name, rows in scores.items():
        pesq, stoi, error = (float(np.mean([row[key] for row in rows])) for key in (*METRICS, "error"))
        table.add_row(name, f"{pesq:.2f}", f"{stoi:.3f}", "" if np.isnan(error) else f"{error:.3f}")
    Console(width=90).print(table)
    print(f"{codec.name}, {len(recordings)} recordings")


if __name__ == "__main__":
    main()
