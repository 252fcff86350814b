"""Train a speech codec.

    python recipes/train_codec.py recipes/tiny.yaml out=runs/tiny
    python recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k
    torchrun --nproc-per-node 8 recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k

The same command again continues where the last checkpoint was written.  `key=value` overrides any line of the YAML.
The trained codec lies in OUT/codec, ready for `vqaudio tokenize WAV_DIR --codec OUT/codec --out DIR`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.saving import open_codec
from vqaudio.core.config import load_config, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crop_data import DataConfig, open_crops
from vqaudio.training.averaging import WeightAverage, take_weights
from vqaudio.training.batches import batch_parts, gather_batches, on_device, speaker_numbers
from vqaudio.training.checkpoints import Part, restore_codec_run, run_tensors, save_checkpoint
from vqaudio.training.codec_step import CodecLosses, LossWeights
from vqaudio.training.compiling import compile_networks
from vqaudio.training.discriminators import DiscriminatorConfig, build_discriminators
from vqaudio.training.gradients import add_gradients
from vqaudio.training.health import health_report, held_out_figures, peak_memory_mb
from vqaudio.training.launch import Launch, launched, mean_over_processes
from vqaudio.training.learner import Learner, OptimizerConfig
from vqaudio.training.logbook import Logbook


@dataclass(frozen=True)
class RecipeConfig:
    """One run.

    late_from: the step at which discriminators enter.  start_from: a codec, by folder or name, whose
    weights are taken wherever name and shape are the same; the rest starts fresh.
    decoder_from: another codec, whose decoder's weights are taken likewise.
    batch_size: crops of all processes together; each takes its share in `accumulation` parts, one after the other.
    frozen: parts of the codec that stay as they are, by name, such as `encoder`.
    precision: `auto`, `bfloat16` or `float32`, see `Launch.autocast`.  is_compiled: see `compile_networks`.
    """

    out: str = "runs/codec"
    start_from: str = ""
    decoder_from: str = ""
    frozen: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    num_steps: int = 20_000
    batch_size: int = 64
    accumulation: int = 1
    precision: str = "auto"
    is_compiled: bool = False
    late_from: int = 1_000
    average_decay: float = 0.999
    log_every: int = 50
    eval_every: int = 1_000
    save_every: int = 1_000
    codec: CodecConfig = field(default_factory=CodecConfig)
    data: DataConfig = field(default_factory=DataConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    discriminators: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class CodecTraining:
    """All that changes while a codec is trained: networks, optimisers, average, step."""

    def __init__(self, config: RecipeConfig, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step = config, launch, 0
        self.codec = build_codec(config.codec)
        if config.start_from:
            take_weights(self.codec, open_codec(config.start_from))
        if config.decoder_from:
            take_weights(self.codec.decoder, open_codec(config.decoder_from).decoder)
        for name in config.frozen:
            self.codec.get_submodule(name).requires_grad_(False)
        learner = partial(Learner, settings=config.optimizer, num_steps=config.num_steps, launch=launch)
        self.learners = [learner(self.codec)]
        self.losses = CodecLosses(config.losses, config.codec.sample_rate_hz).to(launch.device)
        self.average = WeightAverage(self.codec, decay=config.average_decay)
        self.parts: dict[str, Part] = {"codec": self.codec, "optimizer": self.learners[0].optimizer}
        self.parts["average"] = self.average.tensors
        self.discriminators = build_discriminators(
            config.discriminators, sample_rate_hz=config.codec.sample_rate_hz, places=config.losses.places
        )
        if self.discriminators is not None:
            rate = config.optimizer.learning_rate * config.discriminators.rate_ratio
            self.learners.append(learner(self.discriminators, settings=replace(config.optimizer, learning_rate=rate)))
            self.parts["discriminators"] = self.discriminators
            self.parts["discriminator_optimizer"] = self.learners[1].optimizer
        gather_batches(self.codec, config.accumulation)
        if config.is_compiled:
            compile_networks(self.codec)
        torch.manual_seed(config.seed + 1 + launch.rank)  # what all processes must draw alike, the first one draws

    def train_step(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """One step on this process's audio `b 1 n`.  Returns the losses, still on the device."""
        self.codec.train()
        for name in self.config.frozen:
            self.codec.get_submodule(name).eval()
        for learner in self.learners:
            learner.begin(self.step)
        losses = add_gradients(
            self.codec,
            self.losses,
            batch_parts(self.config.accumulation, audio, speakers, lengths),
            discriminators=self.discriminators if self.step >= self.config.late_from else None,
            autocast=self.launch.autocast(self.config.precision),
        )
        for learner in self.learners:
            learner.finish()
        self.step += 1
        self.average.update(self.codec, self.step)
        return losses

    @property
    def num_skipped(self) -> int:
        """Steps left out because a gradient was not finite, by the codec and by the discriminators."""
        return sum(learner.num_skipped for learner in self.learners)

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        save_checkpoint(path, run_tensors(self.parts), {"step": self.step, "config": to_mapping(self.config)})

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another codec."""
        self.step = restore_codec_run(path, self.parts, self.config.codec)

    def save_codec(self, folder: Path) -> None:
        """Writes the codec with averaged weights, as users open it."""
        with self.average.applied(self.codec):
            self.codec.save(folder)

    def evaluate(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> dict[str, float]:
        """`held_out_figures` of audio `b 1 n` with the averaged weights."""
        with self.average.applied(self.codec):
            return held_out_figures(self.codec.eval(), self.losses.mel, audio, speakers, lengths)


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
    crops = partial(open_crops, config.data, config.codec.sample_rate_hz, seed=config.seed)
    dataset, eval_set = crops(), crops(is_held_out=True)
    training = CodecTraining(config, launch)
    checkpoint = out / "checkpoint.safetensors"
    if checkpoint.exists():
        training.restore(checkpoint)
    numbers, eval_numbers = (
        speaker_numbers(config.codec.num_speakers, dataset.speakers, one.speakers) for one in (dataset, eval_set)
    )
    held_out = on_device(eval_set.batch(0, config.data.num_eval_crops), launch.device, eval_numbers)
    share = (config.batch_size, launch.rank, launch.world_size)
    logbook = Logbook(out, num_steps=config.num_steps, first_step=training.step, is_active=launch.is_main)
    with logbook, dataset.prefetch(training.step, *share) as batches:
        logbook.report(training.step, "start", {"hours": dataset.hours, "device": str(launch.device)})
        if launch.is_main and numbers is not None:  # line i: the speaker whom the decoder knows as number i
            (out / "speakers.txt").write_text("".join(f"{name}\n" for name in dataset.speakers), encoding="utf-8")
        for batch in batches:
            if training.step >= config.num_steps:
                break
            losses = training.train_step(*on_device(batch, launch.device, numbers))
            step = training.step
            logbook.advance(step)
            if step % config.log_every == 0:
                figures = {name: float(mean_over_processes(value)) for name, value in losses.items()}
                figures |= {"waiting": batches.share_waiting, "peak_memory_mb": peak_memory_mb(launch.device)}
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


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqaudioError as error:
        sys.exit(f"train_codec: {error}")
