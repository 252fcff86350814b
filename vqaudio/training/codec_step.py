"""The losses of one codec step, weighted by one dictionary of the recipe."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vqaudio.training.losses import (
    MelLoss,
    SpectrumLoss,
    WaveformLoss,
    adversarial_loss,
    feature_matching_loss,
    recorded_spectrum,
    reencoding_loss,
)

Losses = dict[str, tuple[Tensor, float]]  # name: value, weight


class Place(NamedTuple):
    """A place in a codec's pass where what it gives, with its gradient, stands beside what was recorded.

    given, wanted: audio `b 1 n` or log magnitudes `b t f`; losses: those that compare the two.
    """

    given: Tensor
    wanted: Tensor
    losses: Losses


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
    decoder for what the encoder hears.  adversarial_share: the size of the discriminators' gradient, where they look,
    beside that of the losses there: of spectrum, or of mel and waveform together.
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

    @property
    def places(self) -> tuple[str, ...]:
        """Where the decoded is compared with the recorded: see `CodecLosses.places`."""
        return ("spectrum",) * (self.spectrum > 0) + ("waveform",) * self.has_sound


def weighted_sum(losses: Losses) -> Tensor:
    """The sum of value times weight."""
    return torch.stack([value * weight for value, weight in losses.values()]).sum()


class CodecLosses(nn.Module):
    """Turns what a codec gave into named losses with their weights."""

    def __init__(self, weights: LossWeights, sample_rate_hz: int) -> None:
        super().__init__()
        self.weights, self.mel, self.waveform = weights, MelLoss(sample_rate_hz), WaveformLoss()
        self.spectrum = SpectrumLoss(sample_rate_hz)

    def places(self, codec: Codec, output: CodecOutput, audio: Tensor) -> dict[str, Place]:
        """Where the decoded stands beside the recorded: `spectrum` and `waveform`, as far as these losses count."""
        found = {}
        with torch.autocast(audio.device.type, enabled=False):
            if self.weights.spectrum:
                given = output.log_magnitudes
                assert given is not None, "the spectrum loss needs a decoder with a Fourier head"
                delay_frames = codec.decoder.network_lookahead * codec.decoder.upsampling
                wanted = recorded_spectrum(
                    audio, num_frames=given.shape[1], hop=codec.decoder.head.hop, delay_frames=delay_frames
                )
                losses = {"spectrum": (self.spectrum(given, wanted), self.weights.spectrum)}
                found["spectrum"] = Place(given, wanted, losses)
            if self.weights.has_sound:
                given = output.audio
                losses = {
                    "mel": (self.mel(given, audio), self.weights.mel),
                    "waveform": (self.waveform(given, audio), self.weights.waveform),
                }
                found["waveform"] = Place(given, audio, losses)
        return found

    def latent(self, codec: Codec, output: CodecOutput) -> Losses:
        """What the codes decide, and the codes of the decoded sound."""
        losses = {"commitment": (output.commitment, self.weights.commitment)}
        if self.weights.reencoding:
            losses["reencoding"] = (self._reencoding(codec, output), self.weights.reencoding)
        return losses

    def _reencoding(self, codec: Codec, output: CodecOutput) -> Tensor:
        if self.weights.has_sound or output.log_magnitudes is None or codec.encoder.stem is None:
            again = codec.encoder(output.audio).vectors
        else:
            again = self._encoded_again(codec, output.log_magnitudes, output.latents.shape[-1])
        num_frames = min(again.shape[-1], output.latents.shape[-1])
        return reencoding_loss(again[..., :num_frames], output.latents[..., :num_frames])

    def _encoded_again(self, codec: Codec, log_magnitudes: Tensor, num_frames: int) -> Tensor:
        """Latents of the predicted magnitudes, where the waveform is not trained yet."""
        head, stem = codec.decoder.head, codec.encoder.stem
        # The encoder's window t ends with its hop; the decoder's frame j begins delay_frames late: see FourierDecoder.
        first = codec.decoder.network_lookahead * codec.decoder.upsampling + 1 - head.n_fft // head.hop
        seen = log_magnitudes[:, first : first + num_frames * codec.decoder.upsampling]
        with torch.autocast(seen.device.type, enabled=False):
            heard, _ = stem.heard(torch.exp(2 * seen), stem.zero_state(len(seen))[1])
        return codec.encoder.vectors_of(heard.features)

    def judge(self, discriminators: nn.Module, place: Place) -> tuple[Verdict, Verdict]:
        """Scores and features of what was recorded and of what was decoded, from one pass over both."""
        scores, features = discriminators(torch.cat([place.wanted, place.given]))
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
