"""Train a speech codec.

    python recipes/train_codec.py recipes/tiny.yaml out=runs/tiny
    python recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k
    torchrun --nproc-per-node 8 recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k

The same command again continues where the last checkpoint was written.  `key=value` overrides any line of the YAML.
The trained codec lies in OUT/codec, ready for `vqaudio tokenize WAV_DIR --codec OUT/codec --out DIR`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.saving import open_codec
from vqaudio.core.config import load_config, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import Augmentation
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.readers import read_corpus
from vqaudio.training.averaging import WeightAverage, take_weights
from vqaudio.training.checkpoints import (
    generator_tensors,
    load_checkpoint,
    optimizer_tensors,
    part,
    restore_generators,
    restore_optimizer,
    save_checkpoint,
    under,
)
from vqaudio.training.codec_step import CodecLosses, Losses, LossWeights, weighted_sum
from vqaudio.training.discriminators import Discriminators
from vqaudio.training.health import health_report
from vqaudio.training.launch import Launch, average_gradients, clip_gradients, launched, share_weights
from vqaudio.training.logbook import Logbook
from vqaudio.training.losses import MelLoss, discriminator_loss
from vqaudio.training.schedules import set_learning_rate, warmup_cosine


@dataclass(frozen=True)
class DataConfig:
    """Which corpus, and how crops are cut from it."""

    kind: str = "manifest"
    root: str = ""
    split: str | None = "train"
    eval_split: str | None = "eval"
    crop_samples: int = 20_480
    num_eval_crops: int = 32
    is_cached: bool = True
    num_workers: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, the same for the codec and the discriminators."""

    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.01
    warmup_steps: int = 500
    max_gradient_norm: float = 10.0


@dataclass(frozen=True)
class RecipeConfig:
    """One run.

    late_from: the step at which discriminators enter.  start_from: a codec, by folder or name, whose
    weights are taken wherever name and shape are the same; the rest starts fresh.
    """

    out: str = "runs/codec"
    start_from: str = ""
    seed: int = 0
    device: str = "auto"
    num_steps: int = 20_000
    batch_size: int = 64
    late_from: int = 1_000
    is_adversarial: bool = False
    period_width: int = 32
    spectrum_width: int = 32
    average_decay: float = 0.999
    log_every: int = 50
    eval_every: int = 1_000
    save_every: int = 1_000
    codec: CodecConfig = field(default_factory=CodecConfig)
    data: DataConfig = field(default_factory=DataConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class CodecTraining:
    """All that changes while a codec is trained: networks, optimisers, average, step."""

    def __init__(self, config: RecipeConfig, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step = config, launch, 0
        self.codec = build_codec(config.codec)
        if config.start_from:
            take_weights(self.codec, open_codec(config.start_from))
        self.codec.to(launch.device)
        share_weights(self.codec, launch.world_size)
        self.losses = CodecLosses(config.losses, config.codec.sample_rate_hz).to(launch.device)
        self.optimizer = self._optimizer(self.codec)
        self.average = WeightAverage(self.codec, decay=config.average_decay)
        self.num_skipped = 0
        self.discriminators = self.discriminator_optimizer = None
        if config.is_adversarial:
            widths = {"period_width": config.period_width, "spectrum_width": config.spectrum_width}
            self.discriminators = Discriminators(**widths).to(launch.device)
            share_weights(self.discriminators, launch.world_size)
            self.discriminator_optimizer = self._optimizer(self.discriminators)
        torch.manual_seed(config.seed + 1 + launch.rank)  # from here on every process draws its own numbers

    def train_step(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """One step on audio `b 1 n`.  Returns the losses, still on the device.

        The discriminators' gradient reaches the decoded sound scaled to a fixed share of the reconstruction's, so that
        no weight must be tuned to their mood.  Source: adaptive weight of VQGAN, arXiv:2012.09841, eq. 7.
        """
        self.codec.train()
        self._set_rates()
        with self.launch.autocast():
            output = self.codec(audio, speakers, lengths)
            losses = self.losses.latent(self.codec, output, audio)
            roots, gradients = [weighted_sum(losses)], [None]
            if self.config.losses.has_sound:
                gradient, heard = self._hear(output.audio, audio)
                roots, gradients, losses = [*roots, output.audio], [None, gradient], losses | heard
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(roots, gradients)
        self._update(self.codec, self.optimizer)
        self.step += 1
        self.average.update(self.codec, self.step)
        return {name: value.detach() for name, (value, _) in losses.items()}

    @property
    def is_late(self) -> bool:
        """Whether discriminators, where there are any, have entered."""
        return self.step >= self.config.late_from

    def _hear(self, decoded: Tensor, audio: Tensor) -> tuple[Tensor, Losses]:
        """The gradient at the decoded sound, and the losses that it comes from."""
        losses = self.losses.sound(decoded, audio)
        gradient = torch.autograd.grad(weighted_sum(losses), decoded)[0]
        if self.discriminators is not None and self.is_late:
            towards, judged = self._judge(audio, decoded)
            share = self.config.losses.adversarial_share * gradient.norm() / towards.norm().clamp(min=1e-12)
            gradient, losses = gradient + share * towards, losses | judged
        return gradient, losses

    def _judge(self, audio: Tensor, decoded: Tensor) -> tuple[Tensor, Losses]:
        """One pass of the discriminators serves their own update and the gradient for the decoded sound."""
        assert self.discriminators is not None
        assert self.discriminator_optimizer is not None
        real, fake = self.losses.judge(self.discriminators, audio, decoded)
        judged, own = self.losses.adversarial(real, fake), discriminator_loss(real[0], fake[0])
        (gradient,) = torch.autograd.grad(weighted_sum(judged), decoded, retain_graph=True)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        own.backward(inputs=list(self.discriminators.parameters()))
        self._update(self.discriminators, self.discriminator_optimizer)
        return gradient, judged | {"discriminator": (own, 0.0)}

    def _update(self, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        average_gradients([module], self.launch.world_size)
        norm = clip_gradients(module, self.config.optimizer.max_gradient_norm)
        if torch.isfinite(norm):
            optimizer.step()
        else:  # a step that would destroy the weights is left out and counted
            self.num_skipped += 1

    def _optimizer(self, module: torch.nn.Module) -> torch.optim.AdamW:
        settings = self.config.optimizer
        return torch.optim.AdamW(
            module.parameters(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            foreach=True,
        )

    def _set_rates(self) -> None:
        settings = self.config.optimizer
        share = warmup_cosine(self.step, num_steps=self.config.num_steps, warmup_steps=settings.warmup_steps)
        for optimizer in (self.optimizer, self.discriminator_optimizer):
            if optimizer is not None:
                set_learning_rate(optimizer, settings.learning_rate * share)

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        tensors = under("codec", self.codec.state_dict()) | under("optimizer", optimizer_tensors(self.optimizer))
        tensors |= under("average", self.average.tensors) | under("generators", generator_tensors())
        if self.discriminators is not None and self.discriminator_optimizer is not None:
            tensors |= under("discriminators", self.discriminators.state_dict())
            tensors |= under("discriminator_optimizer", optimizer_tensors(self.discriminator_optimizer))
        save_checkpoint(path, tensors, {"step": self.step, "config": to_mapping(self.config)})

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another codec."""
        tensors, facts = load_checkpoint(path)
        if facts["config"]["codec"] != to_mapping(self.config)["codec"]:
            raise VqaudioError(f"{path} holds a codec of another shape; choose another out=DIR or delete that folder")
        self.codec.load_state_dict(part("codec", tensors))
        restore_optimizer(self.optimizer, part("optimizer", tensors))
        for name, value in part("average", tensors).items():
            self.average.tensors[name].copy_(value)
        if self.discriminators is not None and self.discriminator_optimizer is not None:
            self.discriminators.load_state_dict(part("discriminators", tensors))
            restore_optimizer(self.discriminator_optimizer, part("discriminator_optimizer", tensors))
        restore_generators(part("generators", tensors))
        self.step = facts["step"]

    def save_codec(self, folder: Path) -> None:
        """Writes the codec with averaged weights, as users open it."""
        self.average.swap(self.codec)
        self.codec.save(folder)
        self.average.swap(self.codec)

    @torch.no_grad()
    def evaluate(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> dict[str, float]:
        """Mel distance of audio `b 1 n` with the averaged weights, at one codebook and at all of them."""
        self.average.swap(self.codec)
        self.codec.eval()
        distance, figures = MelLoss(self.config.codec.sample_rate_hz).to(audio.device), {}
        codes = self.codec.encode(audio, lengths)
        for num_codebooks in sorted({1, self.codec.num_codebooks}):
            decoded = self.codec.decode(codes[:, :num_codebooks], audio.shape[-1], speakers)
            figures[f"mel_{num_codebooks}"] = float(distance(decoded, audio))
        again = self.codec.encode(decoded, lengths)
        figures["same_first_codes"] = float((again[:, 0] == codes[:, 0]).float().mean())
        self.average.swap(self.codec)
        return figures


def main(arguments: Sequence[str]) -> None:
    """Runs the recipe that the arguments name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(__doc__)
    config = load_config(arguments[0], RecipeConfig, arguments[1:])
    with launched(config.device) as launch:
        train(config, launch)


def train(config: RecipeConfig, launch: Launch) -> CodecTraining:
    """Trains from the last checkpoint in config.out, or from the start, to the end."""
    out = Path(config.out)
    dataset, eval_set = open_data(config, config.data.split), open_data(config, config.data.eval_split)
    training = CodecTraining(config, launch)
    checkpoint = out / "checkpoint.safetensors"
    if checkpoint.exists():
        training.restore(checkpoint)
    held_out = _on(launch, eval_set.batch(0, config.data.num_eval_crops), config)
    share = (config.batch_size, launch.rank, launch.world_size)
    logbook = Logbook(out, num_steps=config.num_steps, first_step=training.step, is_active=launch.is_main)
    with logbook, dataset.prefetch(training.step, *share) as batches:
        logbook.report(training.step, "start", {"hours": dataset.hours, "device": str(launch.device)})
        for batch in batches:
            if training.step >= config.num_steps:
                break
            losses = training.train_step(*_on(launch, batch, config))
            step = training.step
            logbook.advance(step)
            if step % config.log_every == 0:
                figures = {name: float(value) for name, value in losses.items()}
                logbook.report(step, "train", {**figures, "skipped": training.num_skipped})
            if step % config.eval_every == 0 or step == config.num_steps:
                health, warnings = health_report(training.codec.quantizer)
                logbook.report(step, "eval", {**training.evaluate(*held_out), **health})
                for warning in warnings:
                    logbook.warn(step, warning)
            if launch.is_main and (step % config.save_every == 0 or step == config.num_steps):
                training.save(checkpoint)
                training.save_codec(out / "codec")
    return training


def open_data(config: RecipeConfig, split: str | None) -> CropDataset:
    """The crops of one split of the corpus."""
    data = config.data
    if not data.root:
        raise VqaudioError("the recipe names no corpus; add data.root=DIR")
    options = {} if split is None else {"split": split}
    return CropDataset(
        read_corpus(data.kind, data.root, **options),
        crop_samples=data.crop_samples,
        sample_rate_hz=config.codec.sample_rate_hz,
        seed=config.seed,
        cache=data.is_cached,
        workers=data.num_workers,
        augmentation=data.augmentation,
    )


def _on(launch: Launch, batch: dict, config: RecipeConfig) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Audio `b 1 n`, speakers and lengths `b`; None for what the codec or the batch does not need."""
    audio = torch.from_numpy(batch["audio"]).to(launch.device, non_blocking=True)
    speakers = lengths = None
    if config.codec.num_speakers:
        speakers = torch.from_numpy(batch["speaker"]).clamp(min=0, max=config.codec.num_speakers - 1).to(launch.device)
    if batch["lengths"].min() < audio.shape[-1]:
        lengths = torch.from_numpy(batch["lengths"]).to(launch.device)
    return audio, speakers, lengths


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqaudioError as error:
        sys.exit(f"train_codec: {error}")
