"""Train a frame prior: how many bits a second the codes of a token store are worth, for any number of codebooks.

    python recipes/train_frames.py recipes/frames_speech.yaml data.tokens=TOKENS out=runs/frames
    vqaudio evaluate WAV_DIR --entropy --prior runs/frames/prior

TOKENS is what `vqaudio tokenize --metadata metadata.csv` wrote: with speakers, who are held out whole.  The same
command again continues where the last checkpoint was written.  The prior with the fewest bits on the held-out speakers
lies in OUT/prior; OUT/held_out.json has its bits a second for each number of codebooks.
"""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from run import RunConfig, main, open_logbook, restore, run_steps
from torch import Tensor

from vqaudio.core.config import to_mapping
from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.usage import nominal_bitrate_bps
from vqaudio.prior.corpus import split_rows
from vqaudio.prior.frame_model import FrameNetworkConfig, FramePrior, frame_bits
from vqaudio.prior.frame_saving import save_frame_prior
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.training.averaging import WeightAverage
from vqaudio.training.checkpoints import Part, load_checkpoint, restore_run, run_tensors, save_checkpoint
from vqaudio.training.launch import Launch
from vqaudio.training.learner import Learner, OptimizerConfig

ABSENT = -1  # in a crop, after the end of a recording
ALL_BOOKS_SHARE = 0.5  # of the batches that have every codebook; the others have fewer


@dataclass(frozen=True)
class DataConfig:
    """Which codes, and whose are held out.

    tokens: a token store.  validation: the share of speakers on which the prior is measured and the best one chosen.
    crop_frames: of the pieces of recordings that are trained on.
    """

    tokens: str = ""
    validation: float = 0.08
    crop_frames: int = 200


@dataclass(frozen=True)
class RecipeConfig(RunConfig):
    """One run; see `RunConfig` too.

    batch_size: crops of all processes together.
    average_decay: of the moving average of the weights, which is what is saved.
    network, data, optimizer: see the sections.  is_half: the prior's weights are written as float16.
    """

    script: str = "train_frames"
    out: str = "runs/frames"
    num_steps: int = 1_000
    batch_size: int = 16
    average_decay: float = 0.98
    is_half: bool = True
    eval_every: int = 200
    save_every: int = 200
    network: FrameNetworkConfig = field(default_factory=FrameNetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(
            learning_rate=4e-3, betas=(0.9, 0.98), weight_decay=0.02, warmup_steps=50, max_gradient_norm=1.0
        )
    )


class FrameTraining:
    """All that changes while a frame prior is trained: network, optimiser, average, step, the best score so far."""

    def __init__(self, config: RecipeConfig, stamp: CodecStamp, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step, self.best = config, launch, 0, math.inf
        self.prior = FramePrior(config.network, stamp)
        self.learner = Learner(self.prior, config.optimizer, num_steps=config.num_steps, launch=launch)
        self.average = WeightAverage(self.prior, decay=config.average_decay)
        self.parts: dict[str, Part] = {"prior": self.prior, "optimizer": self.learner.optimizer}
        self.parts["average"] = self.average.tensors
        torch.manual_seed(config.seed + 1 + launch.rank)  # what all processes must draw alike, the first one draws

    def train_step(self, codes: Tensor) -> Tensor:
        """One step on this process's codes `b k t`, ABSENT after an end.  Returns bits per code."""
        self.prior.train()
        self.learner.begin(self.step)
        with self.launch.autocast(self.config.precision):
            chances = self.prior(codes.clamp(min=0))
        is_there = codes != ABSENT
        chosen = chances.gather(-1, codes.clamp(min=0)[..., None])[..., 0]
        loss = -(chosen * is_there).sum() / is_there.sum().clamp(min=1)
        loss.backward()
        self.learner.finish()
        self.step += 1
        self.average.update(self.prior, self.step)
        return loss.detach() / math.log(2)

    def evaluate(self, rows: Sequence[TokenRow]) -> dict[int, float]:
        """Bits a second of some rows under the averaged weights, by the number of codebooks."""
        frames = sum(row.codes.shape[1] for row in rows)
        with self.average.applied(self.prior):
            bits = {k: frame_bits(self.prior, [row.codes[:k] for row in rows]) for k in num_books(self.prior.stamp)}
        seconds = frames / self.prior.stamp.frame_rate_hz
        return {k: float(sum(one.sum() for one in all_bits)) / seconds for k, all_bits in bits.items()}

    @property
    def figures(self) -> dict[str, float]:
        """See `Learner.figures`."""
        return self.learner.figures

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        facts = {"step": self.step, "best": self.best, "config": to_mapping(self.config)}
        save_checkpoint(path, run_tensors(self.parts), facts)

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another network."""
        tensors, facts = load_checkpoint(path)
        if facts["config"]["network"] != to_mapping(self.config)["network"]:
            raise VqaudioError(
                f"{path} holds a prior with another network; choose another out=DIR or delete that folder"
            )
        restore_run(self.parts, tensors)
        self.step, self.best = facts["step"], facts["best"]


def num_books(stamp: CodecStamp) -> list[int]:
    """1, 2, 4 ... and all of a codec's codebooks."""
    return sorted({*(1 << power for power in range(stamp.num_codebooks.bit_length())), stamp.num_codebooks})


def draw_crops(rows: Sequence[TokenRow], config: RecipeConfig, step: int, launch: Launch) -> NDArray[np.int64]:
    """This process's crops `b k t` of a step, which depend on seed, step and process alone.

    Long recordings are drawn as often as their length; half of the batches have all codebooks, the others some first
    ones, of any number alike.
    """
    books, length = rows[0].codes.shape[0], config.data.crop_frames
    generator = np.random.default_rng((config.seed, step))
    k = books if generator.random() < ALL_BOOKS_SHARE else int(generator.integers(1, books + 1))
    weights = np.array([row.codes.shape[1] for row in rows], dtype=np.float64)
    chosen = generator.choice(len(rows), config.batch_size, p=weights / weights.sum())
    starts = generator.random(config.batch_size)
    crops = np.full((config.batch_size, k, length), ABSENT, dtype=np.int64)
    for crop, row, start in zip(crops, chosen, starts, strict=True):
        codes = rows[row].codes
        first = int(start * (max(0, codes.shape[1] - length) + 1))
        piece = codes[:k, first : first + length]
        crop[:, : piece.shape[1]] = piece
    return crops[launch.rank :: launch.world_size]


def train(config: RecipeConfig, launch: Launch) -> FrameTraining:
    """Train from the last checkpoint in config.out, or from the start, to the end."""
    if not config.data.tokens:
        raise VqaudioError("the recipe names no codes; add data.tokens=TOKENS")
    if config.batch_size % launch.world_size:
        raise VqaudioError(f"batch_size={config.batch_size} does not divide into {launch.world_size} processes")
    store = TokenStore.open(config.data.tokens)
    rows, held_out = split_rows(store, validation=config.data.validation)
    training = FrameTraining(config, store.stamp, launch)
    restore(training, config.out)

    def batches() -> Iterator[NDArray[np.int64]]:
        return (draw_crops(rows, config, step, launch) for step in itertools.count(training.step))

    def train_step(codes: NDArray[np.int64]) -> dict[str, Tensor]:
        return {"bits_per_code": training.train_step(torch.from_numpy(codes).to(launch.device))}

    with open_logbook(training, config, launch) as logbook:
        hours = sum(row.codes.shape[1] for row in rows) / store.stamp.frame_rate_hz / 3600
        start = {"hours": hours, "recordings": len(rows), "held_out_recordings": len(held_out)}
        start |= {"parameters": training.prior.num_parameters, "device": str(launch.device)}
        logbook.report(training.step, "start", start)

        def evaluate() -> None:
            bits = training.evaluate(held_out)
            if launch.is_main:
                logbook.report(training.step, "eval", {f"bits_per_second_{k}": value for k, value in bits.items()})
            keep_if_best(training, bits)

        run_steps(training, config, launch, logbook, batches(), train_step, evaluate=evaluate)
    return training


def keep_if_best(training: FrameTraining, bits: dict[int, float]) -> None:
    """Write the prior with averaged weights, as users open it, if all codebooks cost it less than ever before."""
    stamp, out = training.prior.stamp, Path(training.config.out)
    is_best, training.best = bits[stamp.num_codebooks] < training.best, min(training.best, bits[stamp.num_codebooks])
    if not (is_best and training.launch.is_main):
        return
    told = {
        str(k): {"bits_per_second": value, "nominal": nominal_bitrate_bps(k, stamp.codebook_size, stamp.frame_rate_hz)}
        for k, value in bits.items()
    }
    with training.average.applied(training.prior):
        facts = {"step": training.step, "held_out": told}
        save_frame_prior(training.prior, out / "prior", is_half=training.config.is_half, facts=facts)
    replace_durably(out / "held_out.json", lambda path: path.write_text(json.dumps(told, indent=2) + "\n"))


if __name__ == "__main__":
    main(__doc__, RecipeConfig, train, "train_frames")
