"""Prediction of pitch from vectors and a voice, for speech of which units alone are given, as a language model gives.

Source: Polyak et al. 2021, arXiv:2104.00355, decode with pitch beside units; predicted from units and speaker as in
Kharitonov et al. 2022, arXiv:2109.03264, section 3, there by a language model, here by a convolutional network.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.nn.blocks import ConvNeXtBlock
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.conv import CausalConv1d

WIDTH, HIDDEN, DILATIONS, LOOKAHEAD_FRAMES = 128, 256, (1, 2, 4, 8), 24
USUAL_HZ = 150.0  # median of a voice before anything is learned


class PredictedPitch(NamedTuple):
    """The chances of every pitch code, as logits `b t v`, and the medians of the voices, `b` in octaves above 1 Hz."""

    logits: Tensor
    median_octaves: Tensor


class PitchPredictor(nn.Module):
    """A predictor of pitch: vectors `b d t`, speaker embeddings `b e` -> chances of the codes, medians.

    num_steps: of the pitch code; 0 is unvoiced.  embedding_width: 0 for a codec without speakers.
    A frame hears 0.48 s ahead.
    """

    def __init__(self, num_steps: int, *, latent_width: int, embedding_width: int) -> None:
        super().__init__()
        self.entry = CausalConv1d(latent_width, WIDTH, kernel=7)
        self.blocks = nn.ModuleList(ConvNeXtBlock(WIDTH, hidden=HIDDEN, dilation=dilation) for dilation in DILATIONS)
        self.conditioning = None
        if embedding_width:
            widths = (WIDTH,) * len(DILATIONS)
            self.conditioning = SpeakerConditioning(0, embedding_width=embedding_width, unit_widths=widths)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.project = nn.Linear(WIDTH, num_steps + 1)
        self.median = nn.Linear(max(1, embedding_width), 1)
        nn.init.zeros_(self.median.weight)
        nn.init.constant_(self.median.bias, float(torch.tensor(USUAL_HZ).log2()))

    def forward(self, vectors: Tensor, embeddings: Tensor | None = None) -> PredictedPitch:
        """Predict the pitch of vectors `b d t` spoken by embeddings `b e`, or None."""
        modulations: tuple[Tensor | None, ...] = (None,) * len(DILATIONS)
        if self.conditioning is not None and embeddings is not None:
            modulations = self.conditioning(embeddings)
        x = self.entry(F.pad(vectors, (0, LOOKAHEAD_FRAMES)))
        for block, modulation in zip(cast(list[ConvNeXtBlock], list(self.blocks)), modulations, strict=True):
            x = block(x, modulation)
        logits = self.project(self.norm(x[..., LOOKAHEAD_FRAMES:].transpose(1, 2)))
        heard = vectors.new_zeros(len(vectors), self.median.in_features) if embeddings is None else embeddings
        return PredictedPitch(logits.float(), self.median(heard)[:, 0].float())


def prediction_loss(
    predicted: PredictedPitch, codes: Tensor, median_hz: Tensor, is_real: Tensor | None = None
) -> Tensor:
    """Compute the cross-entropy of codes `b t`, in nats, and add the error of the medians `b` in octaves.

    median_hz: 0 for a recording that is never voiced, which says nothing of the voice.  is_real: `b t`; None: all.
    """
    nats = F.cross_entropy(predicted.logits.transpose(1, 2), codes, reduction="none")
    nats = nats.mean() if is_real is None else (nats * is_real).sum() / is_real.sum().clamp(min=1)
    is_voiced = median_hz > 0
    away = (predicted.median_octaves - median_hz.clamp(min=1).log2()).abs() * is_voiced
    return nats + away.sum() / is_voiced.sum().clamp(min=1)


def likely_codes(logits: Tensor) -> Tensor:
    """Choose pitch codes `b t` by their chances, logits `b t v`: the mean step where a voice is likelier than none.

    The mean is a melody without leaps; the likeliest step is mostly that of the median.
    """
    chances = logits.softmax(dim=-1)
    voiced = chances[..., 1:]
    steps = torch.arange(1, logits.shape[-1], device=logits.device)
    mean = (voiced * steps).sum(dim=-1) / voiced.sum(dim=-1).clamp(min=1e-6)
    return mean.round().long().clamp(1, logits.shape[-1] - 1) * (chances[..., 0] < 0.5)
