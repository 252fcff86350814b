"""The codecs that ship give the sample recordings the codes that they have always given.

golden.safetensors holds them: every recording of data/samples, in the order of their paths and encoded alone, one after
the other in time.  AVX512, AVX2 and plain instructions gave the same ones.  After new weights it is written anew, and
the digits that are to stand below are printed, by

    python -m tests.codec.test_golden
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.windows import encode_windows
from vqaudio.quantizers.residual import ResidualQuantizer

FILE = Path(__file__).with_name("golden.safetensors")
GOLDEN = load_file(FILE)
SHA256 = {
    "speech-16k": "47b12f96845506e9f2c5b5a7c752c5929af285956377bd280ca150466892e76c",
    "speech-16k@1": "1397d45ae7d61077cd9780918ffd58bfb12928ff13e59f8382f00f8866b006bf",
    "units-16k": "8f364edd879ecbc17e8e46cf0ad2677710caf0dcba0f6de326a296facde70964",
}
# Stores hold it: a default or a setting's name that changes would part them from the codec that made them.
CONFIG_SHA256 = {
    "speech-16k": "236b9debf82b65c91125c7cf6e2ff982da9aedb2c017026f99e0eec3dfdb9f9a",
    "speech-16k@1": "738ce270a3928ce930a1702acd92158766003c22c0c2a7996528aabb0f54537d",
    "units-16k": "58a8f5d27f44e0fb4ae7f05301589f5d519278a6c1b9932c022c5db2260df1cf",
}
# Elsewhere latents may be rounded otherwise: then a code is another one only where two are as near as makes no matter.
NEAR_TIE, RARELY = 1e-3, 1e-3


class Difference(NamedTuple):
    """share: of the codes, those that differ.  excess: by how much of the least distance, at most, a wanted code is
    farther than the nearest one, where a frame first differs.
    """

    share: float
    excess: float


def sha256_of(codes: np.ndarray) -> str:
    return hashlib.sha256(codes.tobytes()).hexdigest()


@torch.inference_mode()
def found_by(codec: Codec, samples_dir: Path) -> tuple[np.ndarray, torch.Tensor]:
    """Codes `k t` of all recordings, and what each codebook was asked for, `k t d`."""
    codes, asked = [], []
    for path in sorted(samples_dir.rglob("*.flac")):
        audio = torch.from_numpy(read_audio(path, 16_000))[None, None]
        codes.append(codec.encode(audio)[0])
        _, latents = encode_windows(codec.encoder, codec.quantizer, audio, window_frames=codec.window_frames)
        residual, offset = latents.vectors[0].T, latents.level_offset
        for number, book in enumerate(books_of(codec)):
            asked.append(residual)
            residual = residual - book.lookup(codes[-1][number])
            if number == 0 and offset is not None:
                residual = residual + offset[0].T
    num_books = codec.num_codebooks
    by_book = [torch.cat(asked[number::num_books]) for number in range(num_books)]
    return torch.cat(codes, dim=1).numpy().astype(np.uint16), torch.stack(by_book)


def books_of(codec: Codec) -> list:
    return list(codec.quantizer.layers) if isinstance(codec.quantizer, ResidualQuantizer) else [codec.quantizer]


def difference(codec: Codec, codes: np.ndarray, asked: torch.Tensor, wanted: np.ndarray) -> Difference:
    """How codes `k t` differ from those that were wanted."""
    assert codes.shape == wanted.shape
    excess, is_first = 0.0, (codes != wanted).cumsum(axis=0) == 1
    for number, frame in np.argwhere(is_first & (codes != wanted)):
        vectors = books_of(codec)[number].codebook.vectors
        distances = (vectors.double() - asked[number, frame].double()).norm(dim=1)
        excess = max(excess, float(distances[int(wanted[number, frame])] / distances.min()) - 1)
    return Difference(float((codes != wanted).mean()), excess)


@pytest.mark.parametrize("name", SHA256)
def test_the_file_of_codes_is_the_one_that_was_recorded(name: str) -> None:
    assert sha256_of(GOLDEN[name]) == SHA256[name]


@pytest.mark.parametrize("name", SHA256)
def test_a_codecs_configuration_has_the_hash_that_it_has_always_had(name: str) -> None:
    assert open_codec(name).config_sha256 == CONFIG_SHA256[name]


@pytest.mark.parametrize("name", SHA256)
def test_a_codec_gives_the_codes_that_it_has_always_given(name: str, samples_dir: Path, record_property) -> None:
    codec = open_codec(name)
    codes, asked = found_by(codec, samples_dir)
    for key, value in (("instructions", torch.backends.cpu.get_cpu_capability()), ("sha256", sha256_of(codes))):
        record_property(key, value)
        print(name, key, value)
    if sha256_of(codes) != SHA256[name]:
        found = difference(codec, codes, asked, GOLDEN[name])
        assert found.excess < NEAR_TIE, found
        assert found.share < RARELY, found


@pytest.mark.parametrize("name", SHA256)
def test_weights_that_are_a_hundredth_off_give_codes_that_are_no_near_ties(name: str, samples_dir: Path) -> None:
    codec = open_codec(name)
    matrices = [value for value in codec.encoder.parameters() if value.ndim > 1]
    with torch.no_grad():
        matrices[-1].mul_(1.01)
    found = difference(codec, *found_by(codec, samples_dir), GOLDEN[name])
    assert found.share > 5 * RARELY
    assert found.excess > 3 * NEAR_TIE


def test_only_a_near_tie_may_go_the_other_way(samples_dir: Path) -> None:
    """Of the codes found, one frame's second nearest is wanted: a near tie if it is as near, else not."""
    codec = open_codec("units-16k")
    codes, asked = found_by(codec, samples_dir)
    distances = torch.cdist(asked[0].double(), books_of(codec)[0].codebook.vectors.double())
    two = distances.topk(2, largest=False)
    gaps = two.values[:, 1] / two.values[:, 0] - 1
    for frame in (int(gaps.argmin()), int(gaps.argmax())):
        wanted = codes.copy()
        wanted[0, frame] = int(two.indices[frame, 1])
        found = difference(codec, codes, asked, wanted)
        assert found.share == 1 / codes.size
        assert found.excess == pytest.approx(float(gaps[frame]), rel=1e-6)
    assert gaps.min() < NEAR_TIE < gaps.max()


def main() -> None:
    """Record the codes of the codecs as they are."""
    samples_dir = Path(__file__).resolve().parents[2] / "data" / "samples"
    codes = {name: found_by(open_codec(name), samples_dir)[0] for name in SHA256}
    save_file(codes, FILE)
    print({name: sha256_of(found) for name, found in codes.items()})


if __name__ == "__main__":
    main()
