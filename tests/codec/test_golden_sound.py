"""The codecs that ship decode the recorded codes to the sound that they have always given.

golden_sound.safetensors holds a coarse picture of it: the power of 24 mel bands in cells of 40 ms, in dB, which says
nothing of phases.  After new weights, once golden.safetensors holds their codes, it is written anew by

    python -m tests.codec.test_golden_sound
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.core.mel import mel_filter_bank

FILE, CODES = (Path(__file__).with_name(name) for name in ("golden_sound.safetensors", "golden.safetensors"))
NAMES = ("speech-16k", "speech-16k@1", "units-16k")
CLIPS = ("ada_1", "dirk_2", "frieda_3")
SIZE, HOP, NUM_BANDS = 640, 320, 24
SILENCE = 1e-8  # power: -80 dB
# On average over all cells.  Another instruction set is 0.002 dB off, weights that are a millionth off 0.006 dB.
TOLERANCE_DB = 0.1


def picture(samples: np.ndarray) -> np.ndarray:
    """Mean powers in dB, `t m`, of cells of two windows each."""
    padded = np.pad(samples.astype(np.float64), (0, 2 * SIZE))
    windows = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP] * np.hanning(SIZE + 1)[:-1]
    powers = np.abs(np.fft.rfft(windows) / (SIZE / 4)) ** 2
    bands = powers @ mel_filter_bank(16_000, SIZE // 2 + 1, NUM_BANDS, norm="average", is_widened=True).T
    cells = bands[: len(bands) // 2 * 2].reshape(-1, 2, NUM_BANDS).mean(axis=1)
    return 10 * np.log10(cells + SILENCE)


@torch.inference_mode()
def heard(name: str, codec: Codec, samples_dir: Path) -> np.ndarray:
    """Pictures of the clips, decoded from their recorded codes in their own voices, one after the other: `t m`."""
    codes, at, parts = load_file(CODES)[name], 0, []
    for path in sorted(samples_dir.rglob("*.flac")):
        samples = read_audio(path, 16_000)
        num_frames = codec.grid.num_frames(len(samples))
        if path.stem in CLIPS:
            voice = None if codec.reference is None else codec.embed(torch.from_numpy(samples)[None, None])
            given = torch.from_numpy(codes[None, :, at : at + num_frames].astype(np.int64))
            parts.append(picture(codec.decode(given, len(samples), embeddings=voice)[0, 0].numpy()))
        at += num_frames
    assert (at, len(parts)) == (codes.shape[1], len(CLIPS))
    return np.concatenate(parts)


def difference_db(name: str, codec: Codec, samples_dir: Path) -> float:
    found, wanted = heard(name, codec, samples_dir), load_file(FILE)[name].astype(np.float64)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_codec_gives_the_sound_that_it_has_always_given(name: str, samples_dir: Path) -> None:
    assert difference_db(name, open_codec(name), samples_dir) < TOLERANCE_DB


def louder(codec: Any) -> None:
    codec.decoder.head.project.bias[: codec.decoder.head.n_fft // 2 + 1] += 0.05  # natural log: 0.4 dB


def with_a_sixth_of_the_iterations(codec: Any) -> None:
    codec.decoder.head.num_iterations //= 6


def with_a_layer_a_tenth_off(codec: Any) -> None:
    codec.decoder.entry.weight.mul_(1.1)


def with_a_weaker_voice(codec: Any) -> None:
    codec.decoder.conditioning.project.weight.mul_(0.9)


MISTAKES = [
    (name, spoil) for name in NAMES for spoil in (louder, with_a_sixth_of_the_iterations, with_a_layer_a_tenth_off)
]


@pytest.mark.parametrize(("name", "spoil"), [*MISTAKES, ("units-16k", with_a_weaker_voice)])
def test_a_decoder_with_a_mistake_in_it_is_heard(name: str, spoil: Callable[[Any], None], samples_dir: Path) -> None:
    codec = open_codec(name)
    with torch.no_grad():
        spoil(codec)
    assert difference_db(name, codec, samples_dir) > 2 * TOLERANCE_DB


def main() -> None:
    """Record the sound of the codecs as they are."""
    samples_dir = Path(__file__).resolve().parents[2] / "data" / "samples"
    save_file({name: heard(name, open_codec(name), samples_dir).astype(np.float16) for name in NAMES}, FILE)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
