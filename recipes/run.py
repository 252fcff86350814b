"""What the training recipes have in common: the command line, going on where a run stopped, and when it reports."""

import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import yaml
from torch import Tensor

from vqaudio.cli.terminal.errors import explain
from vqaudio.core.config import load_config, to_mapping
from vqaudio.core.config_keys import config_keys
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.dataset import CropDataset
from vqaudio.training.health import peak_memory_mb
from vqaudio.training.launch import Launch, launched, mean_over_processes
from vqaudio.training.logbook import Logbook

CHECKPOINT = "checkpoint.safetensors"
RESOLVED = "recipe.yaml"  # in the folder of a run: the recipe as it was run, every key of it
KEY_WIDTH, LINE_WIDTH = 46, 120


@dataclass(frozen=True)
class RunConfig:
    """What every recipe's section on its run has.

    script: the script beside the recipes that runs it.  out: the folder of the run.
    device: `auto`, `cpu` or `cuda`.  num_steps: of the whole run.  seed: of weights, crops and noise.
    precision: `auto`, `bfloat16` or `float32`, see `Launch.autocast`.  log_every, eval_every, save_every: steps.
    """

    script: str = "train_codec"
    out: str = "runs/run"
    seed: int = 0
    device: str = "auto"
    num_steps: int = 20_000
    batch_size: int = 64
    precision: str = "auto"
    log_every: int = 50
    eval_every: int = 1_000
    save_every: int = 1_000


class Training(Protocol):
    """All that changes while a recipe runs."""

    step: int

    @property
    def figures(self) -> dict[str, float]:
        """What every report tells of the last step: learning rate, norm of the gradient, steps left out so far."""
        ...

    def save(self, path: Path) -> None:
        """Write everything that the next step depends on."""
        ...

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote.  Raises VqaudioError if that run was another one."""
        ...


Config = TypeVar("Config", bound=RunConfig)
Batch = TypeVar("Batch")


def main(usage: str | None, config_class: type[Config], train: Callable[[Config, Launch], Any], name: str) -> None:
    """Run the recipe that the command line names; what a user can mend ends it with one sentence.

    usage: the recipe's docstring, printed for --help or nothing; after a recipe, --help lists all its keys.
    """
    arguments: Sequence[str] = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(usage)
    wants_help = not {"-h", "--help"}.isdisjoint(arguments)
    try:
        config = load_config(arguments[0], config_class, [word for word in arguments[1:] if not word.startswith("-")])
        if wants_help:
            print("\n".join(key_lines(config)))
            return
        if config.script != name:
            raise VqaudioError(f"{arguments[0]} is a recipe of {config.script}.py, not of {name}.py")
        with launched(config.device) as launch:
            train(config, launch)
    except Exception as error:
        if (sentence := explain(error)) is None:
            raise
        sys.exit(f"{name}: {sentence}")


def recipe_text(config: RunConfig) -> str:
    """Format the recipe as it is run, bases and overrides resolved: it makes the same run again."""
    return yaml.safe_dump(to_mapping(config), sort_keys=False, allow_unicode=True)


def save_recipe(config: RunConfig) -> None:
    """Write the recipe beside the run."""
    make_folder(Path(config.out))
    text = recipe_text(config)
    replace_durably(Path(config.out) / RESOLVED, lambda path: path.write_text(text, encoding="utf-8"))


def key_lines(config: RunConfig) -> list[str]:
    """Format every key with its value and what it means, for --help."""
    lines = []
    for key in config_keys(config):
        shown = f"{key.name}:" if key.is_section else f"{key.name}={json.dumps(key.value)}"
        gap = KEY_WIDTH - len(shown) if len(shown) < KEY_WIDTH else 2
        indent = " " * (KEY_WIDTH if len(shown) < KEY_WIDTH else 4)
        lines += textwrap.wrap(f"{shown}{' ' * gap}{key.note}", LINE_WIDTH, subsequent_indent=indent) or [shown]
    return lines


def restore(training: Training, out: str | Path) -> bool:
    """Go on from the run's last checkpoint; whether there was one."""
    checkpoint = Path(out) / CHECKPOINT
    if not checkpoint.exists():
        return False
    training.restore(checkpoint)
    return True


def open_logbook(training: Training, config: RunConfig, launch: Launch) -> Logbook:
    """Open the run's log, and leave its recipe beside it; processes other than the first keep silent ones."""
    if launch.is_main:
        save_recipe(config)  # not before: the checkpoint there may be of another run, which stays as it is
    return Logbook(config.out, num_steps=config.num_steps, first_step=training.step, is_active=launch.is_main)


def run_steps(
    training: Training,
    config: RunConfig,
    launch: Launch,
    logbook: Logbook,
    batches: Iterable[Batch],
    train_step: Callable[[Batch], dict[str, Tensor]],
    *,
    figures: Callable[[], dict[str, float]] = dict,
    evaluate: Callable[[], None] | None = None,
    save_result: Callable[[], None] | None = None,
) -> None:
    """Train from the step that the run has reached to the end; report, evaluate and save as often as the recipe says.

    figures: what else a report tells.  evaluate: measures and reports.  save_result: writes what users open, beside the
    checkpoint.
    """
    for batch in batches:
        if training.step >= config.num_steps:
            break
        losses = train_step(batch)
        step, is_last = training.step, training.step == config.num_steps
        logbook.advance(step)
        if step % config.log_every == 0:
            means = {name: float(mean_over_processes(value)) for name, value in losses.items()}
            logbook.report(step, "train", {**means, **training.figures, **figures()})
        if evaluate is not None and (step % config.eval_every == 0 or is_last):
            evaluate()
        if launch.is_main and (step % config.save_every == 0 or is_last):
            training.save(Path(config.out) / CHECKPOINT)
            if save_result is not None:
                save_result()


def run_crops(
    training: Training,
    config: RunConfig,
    launch: Launch,
    logbook: Logbook,
    dataset: CropDataset,
    train_step: Callable[[dict[str, np.ndarray]], dict[str, Tensor]],
    *,
    evaluate: Callable[[], None] | None = None,
    save_result: Callable[[], None],
) -> None:
    """`run_steps` on crops of recordings: of every batch this process takes its share, read ahead in threads.

    The log gets the hours at the start, and with each report the share of time spent waiting for crops and the memory.
    """
    logbook.report(training.step, "start", {"hours": dataset.hours, "device": str(launch.device)})
    with dataset.prefetch(training.step, config.batch_size, launch.rank, launch.world_size) as batches:

        def figures() -> dict[str, float]:
            return {"waiting": batches.share_waiting, "peak_memory_mb": peak_memory_mb(launch.device)}

        run_steps(
            training,
            config,
            launch,
            logbook,
            batches,
            train_step,
            figures=figures,
            evaluate=evaluate,
            save_result=save_result,
        )
