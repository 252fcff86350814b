r"""One training step of a codec on one page: the pass forward, the discriminators' step, the codec's step.

audio -> codec -> sound and spectrum ---- compared with what was recorded ----> gradient of reconstruction
              |                      \--- discriminators: their own step,
              |                           and their verdict for the codec ----> gradient of the verdict, balanced
              \-> latents, codes -------- commitment, re-encoding ------------> gradient through the codec
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vqaudio.core.protocols import CodecOutput, NeuralCodec
from vqaudio.training.auditory import DisturbanceLoss, IntelligibilityLoss
from vqaudio.training.batches import Batch
from vqaudio.training.discriminators import Discriminators
from vqaudio.training.launch import mean_over_processes
from vqaudio.training.losses import (
    ComplexStftLoss,
    LogMagnitudeLoss,
    MelLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    recorded_spectrum,
    reencoding_loss,
)
from vqaudio.training.neurogram import SimilarityLoss

Losses = dict[str, tuple[Tensor, float]]  # name: value, weight
Verdict = tuple[list[Tensor], list[list[Tensor]]]  # scores and features of every discriminator


class Comparison(NamedTuple):
    """A codec's output, with its gradient, beside its target.

    given, wanted: audio `b 1 n` or log magnitudes `b t f`; losses: those that compare the two.
    """

    given: Tensor
    wanted: Tensor
    losses: Losses


@dataclass(frozen=True)
class LossWeights:
    """The weights of the losses.

    mel, waveform: of the decoded waveform, see `MelLoss` and `ComplexStftLoss`.  commitment: of latents to their codes.
    pitch: of what is predicted of pitch, of a codec that takes it; it reaches the predictor alone.
    adversarial, feature_matching: of the discriminators' verdict.
    spectrum: of the predicted magnitudes, no phase and no waveform needed: the first stage, and all of it on a CPU.
    soft_share: of what is softer than the floor, see `LogMagnitudeLoss`.  disturbance, intelligibility, similarity: of
    predicted magnitudes too, as PESQ, STOI and ViSQOL judge them, see `vqaudio.training.auditory` and `.neurogram`;
    crops of 0.5 s or more.
    reencoding: of the latents that the decoded sound has when it is encoded again: it makes codes stable and keeps
    what the encoder reads in the decoded sound.  adversarial_share: the norm of the discriminators' gradient at their
    input, beside that of the losses there: of spectrum, or of mel and waveform together.
    """

    spectrum: float = 0.0
    soft_share: float = 0.0
    disturbance: float = 0.0
    intelligibility: float = 0.0
    similarity: float = 0.0
    mel: float = 15.0
    waveform: float = 5.0
    commitment: float = 0.25
    reencoding: float = 0.0
    pitch: float = 0.1
    adversarial: float = 1.0
    feature_matching: float = 2.0
    adversarial_share: float = 1.0

    @property
    def has_sound(self) -> bool:
        """Whether any loss depends on the decoded waveform."""
        return self.mel > 0 or self.waveform > 0

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the comparisons of decoded with recorded speech: see `CodecLosses.compare`."""
        return ("spectrum",) * (self.spectrum > 0) + ("waveform",) * self.has_sound


def add_gradients(
    codec: NeuralCodec,
    losses: "CodecLosses",
    parts: Sequence[Batch],
    *,
    discriminators: Discriminators | None,
    autocast: torch.autocast,
) -> dict[str, Tensor]:
    """Add the mean gradient of the parts of a batch to those of the codec and of the discriminators.

    Returns the mean of every loss, still on the device.
    """
    share, named = 1 / len(parts), []
    for audio, speakers, lengths in parts:
        with autocast:
            # Forward.
            output = codec(audio, speakers, lengths)
            values = losses.of_latents(codec, output)
            roots: list[Tensor] = [weighted_sum(values) * share]
            gradients: list[Tensor | None] = [None]
            for name, comparison in losses.compare(codec, output, audio).items():
                # Reconstruction, taken back to what the codec gave, so that the verdict can be balanced there.
                (gradient,) = torch.autograd.grad(weighted_sum(comparison.losses), comparison.given)
                values |= comparison.losses
                if discriminators is not None and discriminators.place == name:
                    verdict, verdict_losses = discriminator_step(discriminators, losses, comparison, share=share)
                    gradient = balance_gradients(gradient, verdict, share=losses.weights.adversarial_share)
                    values |= verdict_losses
                roots, gradients = [*roots, comparison.given], [*gradients, gradient * share]
        # Codec: all gradients in one pass back.
        torch.autograd.backward(roots, gradients)
        named.append({name: value.detach() for name, (value, _) in values.items()})
    return {name: torch.stack([part[name] for part in named]).mean() for name in named[0]}


def discriminator_step(
    discriminators: Discriminators, losses: "CodecLosses", comparison: Comparison, *, share: float = 1.0
) -> tuple[Tensor, Losses]:
    """Add the discriminators' own gradients, times `share`, and differentiate their verdict.

    Returns the gradient of their verdict at what the codec gave, shaped as that, and the losses.
    """
    real, fake = run_discriminators(discriminators, comparison)
    verdict = {
        "adversarial": (adversarial_loss(fake[0]), losses.weights.adversarial),
        "feature_matching": (feature_matching_loss(real[1], fake[1]), losses.weights.feature_matching),
    }
    own = discriminator_loss(real[0], fake[0])
    (gradient,) = torch.autograd.grad(weighted_sum(verdict), comparison.given, retain_graph=True)
    (own * share).backward(inputs=list(discriminators.parameters()))
    return gradient, verdict | {"discriminator": (own, 0.0)}


def run_discriminators(discriminators: nn.Module, comparison: Comparison) -> tuple[Verdict, Verdict]:
    """Score what was recorded and what was decoded, in one pass over both."""
    scores, features = discriminators(torch.cat([comparison.wanted, comparison.given]))
    halves = [score.float().chunk(2) for score in scores]
    parts = [[feature.chunk(2) for feature in member] for member in features]
    real = [half[0] for half in halves], [[part[0] for part in member] for member in parts]
    fake = [half[1] for half in halves], [[part[1] for part in member] for member in parts]
    return real, fake


def balance_gradients(reconstruction: Tensor, verdict: Tensor, *, share: float) -> Tensor:
    """Add two gradients of one shape, the second scaled to a fixed share of the first one's norm.

    So no weight must be tuned to the strength of the discriminators.
    Source: adaptive weight of VQGAN, arXiv:2012.09841, eq. 7.
    """
    powers = mean_over_processes(torch.stack([reconstruction.square().sum(), verdict.square().sum()]))
    size, verdict_size = powers.sqrt()
    return reconstruction + share * size / verdict_size.clamp(min=1e-12) * verdict


def weighted_sum(losses: Losses) -> Tensor:
    """Add up value times weight."""
    return torch.stack([value * weight for value, weight in losses.values()]).sum()


class CodecLosses(nn.Module):
    """The losses of a codec's output, by name, with their weights."""

    def __init__(self, weights: LossWeights, sample_rate_hz: int) -> None:
        super().__init__()
        self.weights, self.mel, self.waveform = weights, MelLoss(sample_rate_hz), ComplexStftLoss()
        self.spectrum = LogMagnitudeLoss(sample_rate_hz, soft_share=weights.soft_share)
        self.sample_rate_hz = sample_rate_hz
        self.auditory = nn.ModuleDict()  # filled when the number of bins is known

    def compare(self, codec: NeuralCodec, output: CodecOutput, audio: Tensor) -> dict[str, Comparison]:
        """Compare decoded with recorded speech: `spectrum` and `waveform`, as far as these losses have a weight."""
        comparisons = {}
        with torch.autocast(audio.device.type, enabled=False):
            if self.weights.spectrum:
                given = output.log_magnitudes
                assert given is not None, "the spectrum loss needs a decoder with an inverse-STFT head"
                delay_frames = codec.decoder.network_lookahead * codec.decoder.upsampling
                wanted = recorded_spectrum(
                    audio, num_frames=given.shape[1], hop=codec.decoder.head.hop, delay_frames=delay_frames
                )
                losses = {"spectrum": (self.spectrum(given, wanted), self.weights.spectrum)}
                losses |= self._of_hearing(given, wanted)
                comparisons["spectrum"] = Comparison(given, wanted, losses)
            if self.weights.has_sound:
                given = output.audio
                losses = {
                    "mel": (self.mel(given, audio), self.weights.mel),
                    "waveform": (self.waveform(given, audio), self.weights.waveform),
                }
                comparisons["waveform"] = Comparison(given, audio, losses)
        return comparisons

    def _of_hearing(self, given: Tensor, wanted: Tensor) -> Losses:
        """Compute the auditory losses of log magnitudes `b t f`, as far as these have a weight."""
        kinds = {
            "disturbance": DisturbanceLoss,
            "intelligibility": IntelligibilityLoss,
            "similarity": SimilarityLoss,
        }
        weights = {name: weight for name in kinds if (weight := getattr(self.weights, name))}
        for name in weights.keys() - self.auditory.keys():
            self.auditory[name] = kinds[name](self.sample_rate_hz, given.shape[-1]).to(given.device)
        powers = torch.exp(2 * given), torch.exp(2 * wanted)
        return {name: (self.auditory[name](*powers), weight) for name, weight in weights.items()}

    def of_latents(self, codec: NeuralCodec, output: CodecOutput) -> Losses:
        """Compute the commitment and re-encoding losses, with their weights."""
        losses = {"commitment": (output.commitment, self.weights.commitment)}
        if output.pitch is not None:
            losses["pitch"] = (output.pitch, self.weights.pitch)
        if self.weights.reencoding:
            losses["reencoding"] = (self._reencoding(codec, output), self.weights.reencoding)
        return losses

    def _reencoding(self, codec: NeuralCodec, output: CodecOutput) -> Tensor:
        if self.weights.has_sound or output.log_magnitudes is None or codec.encoder.stem is None:
            again = codec.encoder(output.audio).vectors
        else:
            again = encode_magnitudes(codec, output.log_magnitudes, output.latents.shape[-1])
        num_frames = min(again.shape[-1], output.latents.shape[-1])
        return reencoding_loss(again[..., :num_frames], output.latents[..., :num_frames])


def encode_magnitudes(codec: Any, log_magnitudes: Tensor, num_frames: int) -> Tensor:
    """Encode predicted log magnitudes `b t f` again, where the waveform is not trained yet: latents `b d t`."""
    head, stem = codec.decoder.head, codec.encoder.stem
    # The encoder's window t ends with its hop; the decoder's frame j begins delay_frames late: see FourierDecoder.
    first = codec.decoder.network_lookahead * codec.decoder.upsampling + 1 - head.n_fft // head.hop
    windows = log_magnitudes[:, first : first + num_frames * codec.decoder.upsampling]
    with torch.autocast(windows.device.type, enabled=False):
        output, _ = stem.features_from_power(torch.exp(2 * windows), stem.zero_state(len(windows))[1])
    return codec.encoder.vectors_of(output.features)
