"""`encode` and `decode`, the same for every quantizer of one codebook: vectors to codes and back."""

from __future__ import annotations

from torch import Tensor

from vqaudio.quantizers.frames import check_codes, check_num_codebooks, float32_inside, real_frames
from vqaudio.quantizers.interface import SingleCodebook


def encode_single(layer: SingleCodebook, vectors: Tensor, num_codebooks: int | None) -> Tensor:
    """Find the codes `... 1` of vectors `... d`.  Raises VqaudioError for another width or number of codebooks."""
    check_num_codebooks(num_codebooks, 1)
    with real_frames(vectors, layer.width) as real:
        return layer.nearest(real.values).reshape(*real.leading, 1)


def decode_single(layer: SingleCodebook, codes: Tensor) -> Tensor:
    """Look up the vectors `... d` of codes `... 1`.  Raises VqaudioError for codes of another shape."""
    check_codes(codes, 1)
    with float32_inside(codes):
        return layer.lookup(codes[..., 0])
