"""The losses of one codec step, weighted by one dictionary of the recipe."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor, nn

from vqaudio.training.losses import (
    MelLoss,
    SpectrumLoss,
    WaveformLoss,
    adversarial_loss,
    consistency_loss,
    feature_matching_loss,
)

Losses = dict[str, tuple[Tensor, float]]  # name: value, weight
Verdict = tuple[list[Tensor], list[list[Tensor]]]  # scores and features of every discriminator


class CodecOutput(Protocol):
    """What the losses need of a pass through a codec: audio `b 1 n`, codes `b k t`, commitment: scalar."""

    audio: Tensor
    codes: Tensor
    commitment: Tensor
    log_magnitudes: Tensor | None


class Codec(Protocol):
    """What the losses need of a codec."""

    encoder: Any
    quantizer: Any
    decoder: Any


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts.

    spectrum: of the predicted magnitudes, no phase and no waveform needed: the first stage, and all of it on a CPU.
    gain_db: how far the consistency loss turns the volume, up and down.  adversarial_share: the size of the
    discriminators' gradient at the decoded sound beside that of mel and waveform together.
    """

    spectrum: float = 0.0
    mel: float = 15.0
    waveform: float = 5.0
    commitment: float = 0.25
    consistency: float = 0.0
    gain_db: float = 6.0
    adversarial: float = 1.0
    feature_matching: float = 2.0
    adversarial_share: float = 1.0

    @property
    def has_sound(self) -> bool:
        """Whether any loss looks at the decoded waveform."""
        return self.mel > 0 or self.waveform > 0


def weighted_sum(losses: Losses) -> Tensor:
    """The sum of value times weight."""
    return torch.stack([value * weight for value, weight in losses.values()]).sum()


class CodecLosses(nn.Module):
    """Turns what a codec gave into named losses with their weights."""

    def __init__(self, weights: LossWeights, sample_rate_hz: int) -> None:
        super().__init__()
        self.weights, self.mel, self.waveform = weights, MelLoss(sample_rate_hz), WaveformLoss()
        self.spectrum = SpectrumLoss(sample_rate_hz)

    def sound(self, decoded: Tensor, audio: Tensor) -> Losses:
        """What the decoded sound alone decides.  decoded, audio: `b 1 n`."""
        with torch.autocast(audio.device.type, enabled=False):
            return {
                "mel": (self.mel(decoded, audio), self.weights.mel),
                "waveform": (self.waveform(decoded, audio), self.weights.waveform),
            }

    def latent(self, codec: Codec, output: CodecOutput, audio: Tensor, *, with_consistency: bool) -> Losses:
        """What the codes and the predicted spectrum decide.

        Consistency belongs to a codec that already works: at the start, one code for everything would be the most
        consistent.
        """
        losses = {"commitment": (output.commitment, self.weights.commitment)}
        if self.weights.spectrum:
            assert output.log_magnitudes is not None, "the spectrum loss needs a decoder with a Fourier head"
            delay_frames = codec.decoder.network_lookahead * codec.decoder.upsampling
            value = self.spectrum(output.log_magnitudes, audio, hop=codec.decoder.head.hop, delay_frames=delay_frames)
            losses["spectrum"] = (value, self.weights.spectrum)
        if with_consistency and self.weights.consistency:
            losses["consistency"] = (self._consistency(codec, output, audio), self.weights.consistency)
        return losses

    def _consistency(self, codec: Codec, output: CodecOutput, audio: Tensor) -> Tensor:
        """How well the first code survives decoding (first half of the rows) and a change of volume (the others)."""
        half = audio.shape[0] // 2
        gains_db = (2 * torch.rand(audio.shape[0] - half, 1, 1, device=audio.device) - 1) * self.weights.gain_db
        louder = codec.encoder(audio[half:] * 10 ** (gains_db / 20)).vectors
        again = codec.encoder(output.audio[:half]).vectors
        with torch.autocast(audio.device.type, enabled=False):
            latents = rearrange(torch.cat([again, louder]), "b d t -> b t d").float()
            return consistency_loss(codec.quantizer.first_logits(latents), output.codes[:, 0])

    def judge(self, discriminators: nn.Module, audio: Tensor, decoded: Tensor) -> tuple[Verdict, Verdict]:
        """Scores and features of recorded and of decoded sound, from one pass over both."""
        scores, features = discriminators(torch.cat([audio, decoded]))
        halves = [score.float().chunk(2) for score in scores]
        parts = [[feature.chunk(2) for feature in member] for member in features]
        real = [half[0] for half in halves], [[part[0] for part in member] for member in parts]
        fake = [half[1] for half in halves], [[part[1] for part in member] for member in parts]
        return real, fake

    def adversarial(self, real: Verdict, fake: Verdict) -> Losses:
        """What the discriminators' verdict means for the codec."""
        return {
            "adversarial": (adversarial_loss(fake[0]), self.weights.adversarial),
            "feature_matching": (feature_matching_loss(real[1], fake[1]), self.weights.feature_matching),
        }
