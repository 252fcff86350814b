import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors import safe_open

from vqaudio.cli.terminal.errors import explain
from vqaudio.core.errors import VqaudioError


def unpack(path: Path) -> None:
    with safe_open(path, "pt"):
        pass


RAISED: dict[str, tuple[Callable[[Path], object], str]] = {
    "ours": (lambda path: raised(VqaudioError("a.wav: empty")), "a.wav: empty"),
    "missing": (lambda path: (path / "none").read_bytes(), "/damaged/none: Not a directory"),
    "json": (lambda path: json.loads("nothing"), "a file cannot be read: Expecting value"),
    "deep json": (lambda path: json.loads("[" * 100_000), "nested too deeply"),
    "text": (lambda path: path.read_text(encoding="utf-8"), "a file cannot be read: 'utf-8' codec"),
    "table": (lambda path: list(csv.reader(["x" * 200_000])), "a file cannot be read: field larger"),
    "yaml": (lambda path: yaml.safe_load("a: [1"), "a file cannot be read: while parsing"),
    "parquet": (pq.read_table, "a file cannot be read: Could not open Parquet"),
    "arrow": (lambda path: pa.array([1, "a"]), "a file cannot be read"),
    "safetensors": (unpack, "a file cannot be read: Error while deserializing header"),
    "memory": (lambda path: torch.empty(1 << 60), "not enough memory"),
    "python's memory": (lambda path: raised(MemoryError()), "not enough memory"),
}


def raised(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("name", RAISED)
def test_what_a_damaged_file_or_a_full_memory_raises_is_a_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"\xffnothing that anybody could read" * 9)
    provoke, wanted = RAISED[name]
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any kind: that is the point)
        provoke(path)
    sentence = explain(caught.value)
    assert sentence is not None
    assert wanted in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("error", [ValueError("x"), TypeError("x"), KeyError("x"), RuntimeError("x"), AssertionError()])
def test_a_mistake_of_the_program_keeps_its_traceback(error: Exception) -> None:
    assert explain(error) is None
