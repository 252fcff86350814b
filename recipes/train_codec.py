"""Train a speech codec.

    python recipes/train_codec.py recipes/tiny.yaml out=runs/tiny
    python recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k
    torchrun --nproc-per-node 8 recipes/train_codec.py recipes/speech_16k.yaml data.root=DIR out=runs/speech-16k

The same command again continues where the last checkpoint was written.  `key=value` overrides any line of the YAML.
The trained codec lies in OUT/codec, ready for `vqaudio tokenize WAV_DIR --codec OUT/codec --out DIR`.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from run import RunConfig, main, open_logbook, recipe_text, restore, run_crops
from torch import Tensor

from vqaudio.codec.build import build_codec
from vqaudio.codec.card import card_of
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.config import to_mapping
from vqaudio.corpora.crop_data import DataConfig, open_crops
from vqaudio.training.averaging import WeightAverage, load_matching_weights
from vqaudio.training.batches import batch_parts, on_device, set_accumulation, speaker_numbers
from vqaudio.training.checkpoints import Part, restore_codec_run, run_tensors, save_checkpoint
from vqaudio.training.codec_step import CodecLosses, LossWeights, add_gradients
from vqaudio.training.compiling import compile_networks
from vqaudio.training.discriminators import DiscriminatorConfig, build_discriminators
from vqaudio.training.health import health_report, held_out_figures
from vqaudio.training.launch import Launch
from vqaudio.training.learner import Learner, OptimizerConfig

NUM_HEARD = 2  # held-out crops that TensorBoard lets hear and see


@dataclass(frozen=True)
class RecipeConfig(RunConfig):
    """One run; see `RunConfig` too.

    late_from: the step at which discriminators enter.  start_from: a codec, by folder or name, whose weights are taken
    wherever the name is the same and the shape fits, see `load_matching_weights`.  decoder_from: another codec, whose
    decoder's weights are taken likewise.  batch_size: crops of all processes together; each takes its share in
    `accumulation` parts, one after the other.  accumulation: parts of a process's share.  average_decay: of the moving
    average of the weights, which is what is saved.  codec, data, losses, discriminators, optimizer: see the sections.
    frozen: parts of the codec that stay as they are, by name, such as `encoder`.  is_compiled: see `compile_networks`.
    """

    out: str = "runs/codec"
    start_from: str = ""
    decoder_from: str = ""
    frozen: tuple[str, ...] = ()
    accumulation: int = 1
    is_compiled: bool = False
    late_from: int = 1_000
    average_decay: float = 0.999
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
        self.held_out: dict[str, float] = {}  # of the last evaluation
        self.codec = build_codec(config.codec)
        if config.start_from:
            load_matching_weights(self.codec, open_codec(config.start_from))
        if config.decoder_from:
            load_matching_weights(self.codec.decoder, open_codec(config.decoder_from).decoder)
        for name in config.frozen:
            self.codec.get_submodule(name).requires_grad_(False)
        learner = partial(Learner, settings=config.optimizer, num_steps=config.num_steps, launch=launch)
        self.learners = [learner(self.codec)]
        self.losses = CodecLosses(config.losses, config.codec.sample_rate_hz).to(launch.device)
        self.average = WeightAverage(self.codec, decay=config.average_decay)
        self.parts: dict[str, Part] = {"codec": self.codec, "optimizer": self.learners[0].optimizer}
        self.parts["average"] = self.average.tensors
        self.discriminators = build_discriminators(
            config.discriminators, sample_rate_hz=config.codec.sample_rate_hz, compared=config.losses.compared
        )
        if self.discriminators is not None:
            rate = config.optimizer.learning_rate * config.discriminators.rate_ratio
            self.learners.append(learner(self.discriminators, settings=replace(config.optimizer, learning_rate=rate)))
            self.parts["discriminators"] = self.discriminators
            self.parts["discriminator_optimizer"] = self.learners[1].optimizer
        set_accumulation(self.codec, config.accumulation)
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

    @property
    def figures(self) -> dict[str, float]:
        """See `Learner.figures`: those of the codec, with the steps that the discriminators left out too."""
        return {**self.learners[0].figures, "skipped": self.num_skipped}

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        save_checkpoint(path, run_tensors(self.parts), {"step": self.step, "config": to_mapping(self.config)})

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another codec."""
        self.step = restore_codec_run(path, self.parts, self.config.codec)

    def save_codec(self, folder: Path) -> None:
        """Writes the codec with averaged weights, as users open it."""
        with self.average.applied(self.codec):
            card = card_of(self.codec, recipe=recipe_text(self.config), figures=self.held_out)
            save_codec(self.codec, folder, card=card)

    def evaluate(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> dict[str, float]:
        """`held_out_figures` of audio `b 1 n` with the averaged weights."""
        with self.average.applied(self.codec):
            self.held_out = held_out_figures(self.codec.eval(), self.losses.mel, audio, speakers, lengths)
        return self.held_out

    def sounds(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> dict[str, np.ndarray]:
        """The first NUM_HEARD of audio `b 1 n`, and what one and all codebooks make of them: samples `n` by name."""
        audio, num_codebooks = audio[:NUM_HEARD], sorted({1, self.codec.num_codebooks})
        speakers, lengths = (None if values is None else values[:NUM_HEARD] for values in (speakers, lengths))
        named = {"recorded": audio}
        with self.average.applied(self.codec), torch.no_grad():
            self.codec.eval()
            codes = self.codec.encode(audio, lengths)
            embeddings = self.codec.speaker_embeddings(audio, speakers, lengths)
            pitch = self.codec.own_pitch(audio, lengths)
            for books in num_codebooks:
                named[f"codebooks_{books}"] = self.codec.decode(
                    codes[:, :books], audio.shape[-1], embeddings=embeddings, pitch=pitch
                )
        return {
            f"speech_{row}/{name}": sound[row, 0].float().cpu().numpy()
            for name, sound in named.items()
            for row in range(len(sound))
        }


def train(config: RecipeConfig, launch: Launch) -> CodecTraining:
    """Train from the last checkpoint in config.out, or from the start, to the end."""
    out = Path(config.out)
    crops = partial(open_crops, config.data, config.codec.sample_rate_hz, seed=config.seed)
    dataset, eval_set = crops(), crops(is_held_out=True)
    training = CodecTraining(config, launch)
    restore(training, out)
    numbers, eval_numbers = (
        speaker_numbers(config.codec.num_speakers, dataset.speakers, crop_set.speakers)
        for crop_set in (dataset, eval_set)
    )
    held_out = on_device(eval_set.batch(0, config.data.num_eval_crops), launch.device, eval_numbers)
    logbook = open_logbook(training, config, launch)

    def evaluate() -> None:
        health, warnings = health_report(training.codec.quantizer)
        logbook.report(training.step, "eval", {**training.evaluate(*held_out), **health})
        for warning in warnings:
            logbook.warn(training.step, warning)
        if logbook.has_pictures:
            logbook.show(training.step, training.sounds(*held_out), config.codec.sample_rate_hz)

    def train_step(batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
        return training.train_step(*on_device(batch, launch.device, numbers))

    if launch.is_main and numbers is not None:  # line i: the speaker whom the decoder knows as number i
        (out / "speakers.txt").write_text("".join(f"{name}\n" for name in dataset.speakers), encoding="utf-8")
    save_result = partial(training.save_codec, out / "codec")
    with logbook:
        run_crops(training, config, launch, logbook, dataset, train_step, evaluate=evaluate, save_result=save_result)
    return training


if __name__ == "__main__":
    main(__doc__, RecipeConfig, train, "train_codec")
