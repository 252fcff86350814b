"""Which shard of a run a process takes: from its command line, or from its scheduler."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.sharding import deal, require_one_run

SOURCES = [Source(f"{number:02}.wav", "") for number in range(10)]


def slurm(**values: object) -> dict[str, str]:
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_a_shard_is_every_nth_source_from_its_own_on():
    own, shard = deal(SOURCES, "1/4", {})
    assert [source.id for source in own] == ["01.wav", "05.wav", "09.wav"]
    assert (shard.index, shard.count, shard.name) == (1, 4, "shard-00001-of-00004")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (slurm(ID=2, COUNT=8, MIN=0), "shard-00002-of-00008"),
        (slurm(ID=8, COUNT=8, MIN=1, MAX=8, STEP=1), "shard-00007-of-00008"),
        (slurm(ID=1, COUNT=2, MIN=0, STEP=0), "shard-00001-of-00002"),
        (slurm(ID=12, COUNT=4, MIN=4, MAX=16, STEP=4), "shard-00002-of-00004"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, "shard-00000-of-00001"),
        ({"RANK": "3", "WORLD_SIZE": "16"}, "shard-00003-of-00016"),
    ],
)
def test_auto_takes_the_schedulers_numbers(environment: dict[str, str], name: str):
    own, shard = deal(SOURCES, "auto", {"HOME": "/", **environment})
    assert shard.name == name
    assert own == shard.own(SOURCES)
    assert deal(SOURCES, f"{shard.index}/{shard.count}", environment) == (own, shard)


@pytest.mark.parametrize(
    ("wanted", "environment", "said"),
    [
        ("8/8", {}, "from 0 to N - 1"),
        ("0/0", {}, "from 0 to N - 1"),
        ("-1/8", {}, "wanted I/N"),
        ("2of8", {}, "wanted I/N"),
        ("1/100000", {}, "wanted I/N"),  # more than the names of folders have digits
        ("100000/8", {}, "wanted I/N"),
        ("", {}, "wanted I/N"),
        ("1/8\n", {}, "wanted I/N"),
        ("auto", {}, "give --shard I/N"),
        ("auto", {"RANK": "1"}, "WORLD_SIZE is ''"),
        ("auto", {"RANK": "x", "WORLD_SIZE": "2"}, "RANK is 'x'"),
        ("auto", {"RANK": "-1", "WORLD_SIZE": "2"}, "RANK is '-1'"),
        ("auto", {"RANK": "2", "WORLD_SIZE": "2"}, "from 0 to N - 1"),
        ("auto", slurm(ID=2, MIN=0), "SLURM_ARRAY_TASK_COUNT is ''"),
        ("auto", slurm(ID=7, COUNT=3, MIN=1), "equal steps"),
        ("auto", slurm(ID=1, COUNT=3, MIN=0, MAX=7, STEP=1), "equal steps"),
        ("auto", slurm(ID=5, COUNT=4, MIN=4, MAX=16, STEP=4), "equal steps"),
        ("auto", {**slurm(ID=0, COUNT=2, MIN=0), "RANK": "0", "WORLD_SIZE": "2"}, "both"),
    ],
)
def test_a_shard_that_is_not_clear_is_refused(wanted: str, environment: dict[str, str], said: str):
    with pytest.raises(VqaudioError, match=said):
        deal(SOURCES, wanted, environment)


def test_a_folder_takes_shards_of_one_run_only_and_names_the_first_of_another(tmp_path: Path):
    _, shard = deal(SOURCES, "1/4", {})
    for name in ("shard-00000-of-00004", "shard-00003-of-00004", "other"):
        (tmp_path / name).mkdir()
    require_one_run(tmp_path, shard)
    for name in ("shard-00007-of-00008", "shard-00002-of-00008"):
        (tmp_path / name).mkdir()
    with pytest.raises(VqaudioError, match="holds shard-00002-of-00008, and shard 1/4 would begin another run"):
        require_one_run(tmp_path, shard)
