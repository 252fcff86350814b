"""The losses of one codec step, weighted by one dictionary of the recipe."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vqaudio.training.losses import (
    MelLoss,
    SpectrumLoss,
    WaveformLoss,
    adversarial_loss,
    feature_matching_loss,
    reencoding_loss,
)

Losses = dict[str, tuple[Tensor, float]]  # name: value, weight
Verdict = tuple[list[Tensor], list[list[Tensor]]]  # scores and features of every discriminator


class CodecOutput(Protocol):
    """What the losses need of a pass through a codec: audio `b 1 n`, latents `b d t`, commitment: scalar."""

    audio: Tensor
    latents: Tensor
    commitment: Tensor
    log_magnitudes: Tensor | None


class Codec(Protocol):
    """What the losses need of a codec."""

    encoder: Any
    quantizer: Any
    decoder: Any

    def __call__(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> Any:
        """A `CodecOutput`."""
        ...


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts.

    spectrum: of the predicted magnitudes, no phase and no waveform needed: the first stage, and all of it on a CPU.
    reencoding: of the latents that the decoded sound has when it is encoded again: it makes codes stable and asks the
    decoder for what the encoder hears.  adversarial_share: the size of the
    discriminators' gradient at the decoded sound beside that of mel and waveform together.
    """

    spectrum: float = 0.0
    mel: float = 15.0
    waveform: float = 5.0
    commitment: float = 0.25
    reencoding: float = 0.0
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

    def latent(self, codec: Codec, output: CodecOutput, audio: Tensor) -> Losses:
        """What the codes and the predicted spectrum decide."""
        losses = {"commitment": (output.commitment, self.weights.commitment)}
        if self.weights.spectrum:
            assert output.log_magnitudes is not None, "the spectrum loss needs a decoder with a Fourier head"
            delay_frames = codec.decoder.network_lookahead * codec.decoder.upsampling
            hop = codec.decoder.head.hop
            with torch.autocast(audio.device.type, enabled=False):
                value = self.spectrum(output.log_magnitudes, audio, hop=hop, delay_frames=delay_frames)
            losses["spectrum"] = (value, self.weights.spectrum)
        if self.weights.reencoding:
            losses["reencoding"] = (self._reencoding(codec, output), self.weights.reencoding)
        return losses

    def _reencoding(self, codec: Codec, output: CodecOutput) -> Tensor:
        if self.weights.has_sound or output.log_magnitudes is None or codec.encoder.stem is None:
            again = codec.encoder(output.audio).vectors
        else:
            again = self._encoded_again(codec, output.log_magnitudes, output.latents.shape[-1])
        return reencoding_loss(again[..., : output.latents.shape[-1]], output.latents)

    def _encoded_again(self, codec: Codec, log_magnitudes: Tensor, num_frames: int) -> Tensor:
        """Latents of the predicted magnitudes, where the waveform is not trained yet."""
        head, stem = codec.decoder.head, codec.encoder.stem
        # The encoder's window t ends with its hop; the decoder's frame j begins delay_frames late: see FourierDecoder.
        first = codec.decoder.network_lookahead * codec.decoder.upsampling + 1 - head.n_fft // head.hop
        seen = log_magnitudes[:, first : first + num_frames * codec.decoder.upsampling]
        with torch.autocast(seen.device.type, enabled=False):
            heard, _ = stem.heard(torch.exp(2 * seen), stem.zero_state(len(seen))[1])
        return codec.encoder.body(heard.features)

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
