"""Vectors for the probes: encoder outputs, codebook vectors, and MFCC."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.windows import encode_windows
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.stamps import stamp_of
from vqaudio.tokens.schema import CodecStamp

Vectors = NDArray[np.float32]


class CodecVectors(NamedTuple):
    """The vectors `t d` of one recording, of one codebook.

    encoder: before the codebook; codebook: after it.  codes: `t`.
    """

    encoder: Vectors
    codebook: Vectors
    codes: NDArray[np.int64]


def codec_vectors(codec: Codec, samples: NDArray[np.float32], codebook: int = 0) -> CodecVectors:
    """Encode samples `n` to vectors.  Of a later codebook, `encoder` is the residual of the codebooks before it."""
    import torch

    with torch.inference_mode():
        audio = torch.from_numpy(samples.astype(np.float32))[None, None].to(codec.device)
        codes, latents = encode_windows(
            codec.encoder, codec.quantizer, audio, window_frames=codec.window_frames, num_codebooks=codebook + 1
        )
        # The level is added after the first codebook.
        offset = latents.level_offset if codebook else None
        before = codec.decode_latents(codes[:, :codebook]) if codebook else 0.0
        encoder = (latents.vectors if offset is None else latents.vectors + offset) - before
        after = codec.decode_latents(codes) - before
    return CodecVectors(encoder[0].T.cpu().numpy(), after[0].T.cpu().numpy(), codes[0, codebook].cpu().numpy())


def store_vectors(
    codec: Codec, stamp: CodecStamp, ids: Sequence[str], lengths: Sequence[int], audio: Path, codebook: int
) -> dict[str, Vectors]:
    """Compute vectors `n d` of many recordings, one after the other, by kind.  lengths: frames of each.

    Raises VqaudioError if another codec made the store, or a recording is missing or has another length.
    """
    stamp.require_same(stamp_of(codec))
    parts = []
    for row_id, length in zip(ids, lengths, strict=True):
        vectors = codec_vectors(codec, read_audio(audio / row_id, codec.grid.sample_rate_hz), codebook)
        if len(vectors.codes) != length:
            raise VqaudioError(f"{audio / row_id} has {len(vectors.codes)} frames, its codes have {length}")
        parts.append(vectors)
    return {
        "encoder outputs": np.concatenate([one.encoder for one in parts]),
        "codebook vectors": np.concatenate([one.codebook for one in parts]),
    }
