"""Which shard of a run this process tokenizes: as the command line says, or the job scheduler's environment."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.tokens.run_shard import RunShard

_SLURM = tuple(f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN"))
_STEP, _LAST = "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_MAX"
_RANK = ("RANK", "WORLD_SIZE")


def deal(sources: Sequence[Source], wanted: str, environment: Mapping[str, str]) -> tuple[list[Source], RunShard]:
    """Take this process's sources of a list that is sorted by id, every N-th one, and record how they were dealt.

    wanted: "I/N", or "auto" for what `environment` says, which is a Slurm array's or torchrun's.
    Raises VqaudioError if it says neither, or I is not from 0 to N - 1.
    """
    index, count = _from_environment(environment) if wanted == "auto" else _parsed(wanted)
    shard = RunShard.of([source.id for source in sources], index, count)
    return shard.own(sources), shard


def require_one_run(folder: Path, shard: RunShard) -> None:
    """Check that a folder holds no shards of a run of another N, as when one task of an array is started again alone.

    Raises VqaudioError that names one.
    """
    others = sorted(
        path.name for path in folder.glob("shard-*-of-*") if path.name.split("-of-")[-1] != shard.name.split("-of-")[-1]
    )
    if others:
        raise VqaudioError(
            f"{folder} holds {others[0]}, and {shard} would begin another run; give --shard I/N of that run, "
            "or another --out"
        )


def _parsed(wanted: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", wanted)):
        raise VqaudioError(f"--shard {wanted!r}: wanted I/N with I from 0 to N - 1, such as 0/8 to 7/8, or auto")
    return int(found[1]), int(found[2])


def _from_environment(environment: Mapping[str, str]) -> tuple[int, int]:
    is_array, is_ranked = (environment.get(names[0]) is not None for names in (_SLURM, _RANK))
    if is_array and is_ranked:
        raise VqaudioError(f"--shard auto: both {_SLURM[0]} and {_RANK[0]} are set; give --shard I/N")
    if is_array:
        return _of_array(environment)
    if is_ranked:
        rank, size = (_number(environment, name) for name in _RANK)
        return rank, size
    raise VqaudioError(
        f"--shard auto: neither {' and '.join(_RANK)} nor {', '.join(_SLURM)} are set; start it in a Slurm array or by "
        "torchrun, or give --shard I/N"
    )


def _of_array(environment: Mapping[str, str]) -> tuple[int, int]:
    """Number the tasks of a Slurm array from 0; `--array=4-16:4` has the tasks 4, 8, 12 and 16."""
    task, count, first = (_number(environment, name) for name in _SLURM)
    step = max(1, _number(environment, _STEP)) if _STEP in environment else 1  # what imitates Slurm may not set it
    last = _number(environment, _LAST) if _LAST in environment else first + (count - 1) * step
    index, rest = divmod(task - first, step)
    if rest or not 0 <= index < count or last != first + (count - 1) * step:
        raise VqaudioError(
            f"--shard auto: task {task} of an array of {count} that starts at {first}; wanted tasks in equal steps, "
            "such as --array=0-7; to run some tasks again give --shard I/N"
        )
    return index, count


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not re.fullmatch("[0-9]{1,9}", value):
        raise VqaudioError(f"--shard auto: {name} is {value!r}; wanted a number; give --shard I/N")
    return int(value)
