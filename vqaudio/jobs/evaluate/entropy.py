"""Bits a second that the codes of an evaluation are worth to a coder, beside the log2(v) a code that they take."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.stamps import stamp_of
from vqaudio.metrics.adaptive import adaptive_bits
from vqaudio.prior.frame_model import FramePrior, frame_bits


class CodedRates(NamedTuple):
    """Rates in kbit/s.  prior: None without a prior, or of more codebooks than it knows."""

    adaptive: float
    prior: float | None


class EntropyMeter:
    """A meter of the codes of an evaluation, file after file; it keeps them all.

    Counted is -log2 of what each code's model gave it, over all files, divided by the seconds of their frames: what an
    arithmetic coder would write, less its rounding.  The models see earlier codes and lower codebooks of the frame,
    never later ones; the number of frames is taken as known.  adaptive: learns from the files of the evaluation alone,
    in their order, see `vqaudio/metrics/adaptive.py`.  prior: learned before, from other speakers, and starts anew
    with each file.  A row of k codebooks is what a stream of k codebooks costs.
    """

    def __init__(self, codec: AudioTokenizer, prior: FramePrior | None = None) -> None:
        if prior is not None:
            prior.stamp.require_same(stamp_of(codec))
        self._prior, self._codebook_size, self._frame_rate_hz = prior, codec.codebook_size, codec.grid.frame_rate_hz
        self._recordings: list[NDArray[np.int32]] = []
        self._books: NDArray[np.float64] | None = None  # adaptive bits of each codebook, once asked for

    def add(self, codes: torch.Tensor) -> None:
        """Add the codes `k t` of a file."""
        self._recordings.append(codes.cpu().numpy().astype(np.int32))
        self._books = None

    def rates(self, num_codebooks: int) -> CodedRates | None:
        """Compute the rates of the first codebooks over all files added; None if they have no frame."""
        seconds = sum(codes.shape[1] for codes in self._recordings) / self._frame_rate_hz
        if not seconds:
            return None
        adaptive = float(self._adaptive_bits()[:num_codebooks].sum()) / seconds / 1000
        if self._prior is None or num_codebooks > self._prior.stamp.num_codebooks:
            return CodedRates(adaptive, None)
        cut = [codes[:num_codebooks] for codes in self._recordings]
        return CodedRates(adaptive, float(sum(one.sum() for one in frame_bits(self._prior, cut))) / seconds / 1000)

    def _adaptive_bits(self) -> NDArray[np.float64]:
        books = self._books
        if books is None:
            bits = adaptive_bits(self._recordings, self._codebook_size)
            books = self._books = np.stack([one.sum(axis=1) for one in bits]).sum(axis=0)
        return books
