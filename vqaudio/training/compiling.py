"""Compilation of a codec's networks in place: their weights keep their names."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vqaudio.nn.decoder import FourierDecoder


def compile_networks(codec: Any, backend: str | Callable[..., Any] = "inductor") -> None:
    """Compile encoder and decoder of a codec, between the spectra: Fourier transforms and quantizers stay as they are.

    What is replaced are methods, not modules, so checkpoints and saved codecs are the same as without.  Streaming and
    offline use the compiled methods; in eval mode they are compiled once more, for windows of one fixed shape.
    Needs a C++ compiler on a CPU; the first steps take minutes.
    """
    codec.encoder.body.step = torch.compile(codec.encoder.body.step, backend=backend)
    if isinstance(codec.decoder, FourierDecoder):
        codec.decoder.spectrum = torch.compile(codec.decoder.spectrum, backend=backend)
    else:
        nn.Module.compile(codec.decoder.chain, backend=backend)
