"""Encoder and decoder as modules of tensors alone: what a codec keeps from window to window goes in and comes out."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from vqaudio.codec.streaming import decode_latents, encode_window
from vqaudio.core.protocols import NeuralCodec
from vqaudio.export.onnx.real import RealHead, RealStem
from vqaudio.nn.conv import State
from vqaudio.nn.decoder import FourierDecoder
from vqaudio.quantizers.ema import EmaQuantizer


class EncoderGraph(nn.Module):
    """Audio `b 1 t*hop` and a state to codes `b k t`, late by the lookahead, and the next state."""

    num_named = 1  # arguments with a name of their own

    def __init__(self, codec: NeuralCodec, num_codebooks: int) -> None:
        super().__init__()
        self.encoder, self.quantizer = copy.deepcopy(codec.encoder), plain_quantizer(codec)
        if self.encoder.stem is not None:
            self.encoder.stem = RealStem(self.encoder.stem)
        self.num_codebooks, self.zero_state = num_codebooks, self.encoder.zero_state(1)

    def forward(self, audio: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Encode one window."""
        before = filled(self.zero_state, iter(state), audio)
        codes, _, after = encode_window(self.encoder, self.quantizer, audio, before, self.num_codebooks)
        return codes, *flat(after, self.zero_state)


class DecoderGraph(nn.Module):
    """Codes `b k t`, which of their frames are real `b t` (0 or 1), and a state to audio and the next state.

    Frames that are not real are those after the last one, which bring out what the decoder holds back.
    """

    num_named = 2

    def __init__(self, codec: NeuralCodec) -> None:
        super().__init__()
        self.decoder, self.quantizer = copy.deepcopy(codec.decoder), plain_quantizer(codec)
        if isinstance(self.decoder, FourierDecoder):
            self.decoder.head = RealHead(self.decoder.head)  # pyright: ignore[reportAttributeAccessIssue]
        self.zero_state = self.decoder.zero_state(1)
        self.has_speaker = codec.decoder.conditioning is not None

    def forward(self, codes: Tensor, is_real: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Decode one window.  rest: the speaker embedding `b e` where the codec has speakers, then the state."""
        embedding, state = (rest[0], rest[1:]) if self.has_speaker else (None, rest)
        vectors = decode_latents(self.quantizer, codes) * is_real[:, None]
        audio, after = self.decoder.step(vectors, filled(self.zero_state, iter(state), vectors), embedding)
        return audio, *flat(after, self.zero_state)


class FixedCodebook(nn.Module):
    """The codes of an `EmaCodebook` as they are."""

    vectors: Tensor
    norms: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors.detach().clone())
        self.register_buffer("norms", vectors.detach().square().sum(dim=1))

    def vectors_and_norms(self) -> tuple[Tensor, Tensor]:
        """Return the codes `v d` and their squared norms `v`."""
        return self.vectors, self.norms


def plain_quantizer(codec: NeuralCodec) -> Any:
    """Copy the quantizer, with codebooks that do not learn any more."""
    quantizer = copy.deepcopy(codec.quantizer)
    for layer in quantizer.modules():
        if isinstance(layer, EmaQuantizer):
            layer.codebook = FixedCodebook(layer.codebook.vectors)  # pyright: ignore[reportAttributeAccessIssue]
    return quantizer


def flat(state: State, like: State) -> list[Tensor]:
    """List the tensors of a state, without those that are empty in `like`."""
    if like is None or isinstance(like, Tensor):
        return [] if like is None or not like.numel() else [state]
    parts: Sequence[State] = state
    return [tensor for part, pattern in zip(parts, like, strict=True) for tensor in flat(part, pattern)]


def filled(like: State, tensors: Iterator[Tensor], batch: Tensor) -> State:
    """Build a state as `like` of tensors, the inverse of `flat`, for as many rows as `batch` has."""
    if like is None:
        return None
    if isinstance(like, Tensor):
        return next(tensors) if like.numel() else like.new_zeros(batch.shape[0], *like.shape[1:])
    return tuple(filled(part, tensors, batch) for part in like)
