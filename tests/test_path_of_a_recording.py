"""README's path of one recording, held against a real run.

A file is on the path if a recording crosses the border of a folder there: its samples, its codes or its row are given
to, or taken from, a file of another folder.  Layers behind such a door are parts of what the door's file does.
"""

import re
import sys
import threading
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

from vqaudio.cli.main import main
from vqaudio.jobs.tokenize.file_tokenizer import Outcome
from vqaudio.tokens.schema import TokenRow


def is_recording(value: Any) -> bool:
    """Samples (`n` or `b 1 n`), codes (integers), or the outcome or the row that holds codes."""
    if isinstance(value, (Outcome, TokenRow)):
        return value.codes is not None
    if isinstance(value, np.ndarray):
        return value.size > 0 and (value.dtype.kind in "iu" or value.ndim == 1)
    if isinstance(value, torch.Tensor):
        return value.numel() > 0 and (not value.is_floating_point() or (value.ndim == 3 and value.shape[1] == 1))
    return isinstance(value, tuple) and any(map(is_recording, value))


class Trace:
    """The files of the package between which recordings are handed over."""

    def __init__(self, package: Path) -> None:
        self.package, self.files = str(package) + "/", set[str]()

    def file_of(self, frame: FrameType | None) -> str | None:
        """The nearest file of the package, from this frame outwards."""
        while frame is not None and not frame.f_code.co_filename.startswith(self.package):
            frame = frame.f_back
        return None if frame is None else frame.f_code.co_filename.removeprefix(self.package)

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        if event not in ("call", "return") or not frame.f_code.co_filename.startswith(self.package):
            return
        here, there = self.file_of(frame), self.file_of(frame.f_back)
        if here is None or there is None or PurePosixPath(here).parent == PurePosixPath(there).parent:
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        given = [frame.f_locals.get(name) for name in names] if event == "call" else [value]
        if any(map(is_recording, given)):
            self.files |= {here, there}


def traced_files(package: Path, samples: Path, out: Path) -> set[str]:
    """The files on the way of the recordings of one run."""
    trace = Trace(package)
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        assert main(["tokenize", str(samples), "--out", str(out), "--workers", "0", "--quiet"]) == 0
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return trace.files


def listed_files(root: Path) -> set[str]:
    """The files of the README's table."""
    section = (root / "README.md").read_text().split("## The path of one recording")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `vqaudio/([\w/.]+)`", section, re.MULTILINE))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_readmes_path_of_one_recording_is_the_way_of_a_real_run(project_root, samples_dir, tmp_path):
    traced = traced_files(project_root / "vqaudio", samples_dir / "ada" / "ada_1.flac", tmp_path / "tokens")
    assert sorted(traced) == sorted(listed_files(project_root)), f"a recording passes through {sorted(traced)}"
    assert 8 <= len(traced) <= 10
