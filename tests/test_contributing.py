"""The worked examples of CONTRIBUTING.md: put into a copy of the package, each of them works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = re.compile(
    r"^```python\n# (vqaudio/[\w/]+\.py)(?:, (?:below: ([^\n]+)|(at the end)))?\n(.*?)^```$", re.M | re.S
)
USES = {
    "quantizer": """
import torch
from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.core.config import from_mapping, to_mapping
config = from_mapping(CodecConfig, {"quantizer": {"kind": "sign", "num_bits": 6}})
assert from_mapping(CodecConfig, to_mapping(config)) == config
codec = build_codec(config).eval()
codes = codec.encode(torch.randn(1, 1, 3_200))
assert codec.codebook_size == 64 and codes.max() < 64
assert codec.quantizer.encode(10 * torch.randn(1, 50, 64)).unique().numel() > 10
""",
    "corpus": """
from vqaudio.corpora.reading import read_corpus
open("list.txt", "w").write("a.wav anna\\nb.wav\\n")
assert [(one.id, one.speaker) for one in read_corpus("list_file", ".")] == [("a.wav", "anna"), ("b.wav", None)]
""",
    "metric": """
import numpy as np
from vqaudio.metrics.pair import score_pair
from vqaudio.jobs.evaluate.report import COLUMNS
from vqaudio.cli.terminal.evaluation_table import OTHERS
tone = np.sin(np.arange(4_000)).astype(np.float32)
assert abs(score_pair(tone, tone / 2, 16_000, ["level_db"])["level_db"] - 6.02) < 0.01
assert COLUMNS["level_db"].heading == "level dB" and "level_db" in OTHERS
""",
    "probe": """
import numpy as np
from vqaudio.jobs.probe.registry import PROBES
from types import SimpleNamespace
frames = SimpleNamespace(codes_by_utterance=lambda: [np.array([1, 1, 2]), np.array([3, 3, 3])])
findings = PROBES["repetition"].measure(SimpleNamespace(codes={"codes": frames}))
assert list(PROBES["repetition"].lines(findings)) == ["repeated, codes: 0.750"]
""",
    "export format and verb": """
import contextlib, io
import numpy as np
from vqaudio.cli.main import main
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter
with TokenWriter("tokens", CodecStamp("mine", "ab" * 32, 16_000, 320, 1, 16)) as writer:
    for number in range(3):
        writer.append(TokenRow(f"{number}.wav", np.arange(5)[None] + number, 1_600, 16_000, 0.1))
flags = ["--validation", "0", "--check", "--quiet"]
assert main(["export", "tokens", "--format", "numbers", "--out", "lines", *flags]) == 0
assert open("lines/train.txt").read().splitlines()[1] == "1 2 3 4 5"
with contextlib.redirect_stdout(io.StringIO()) as told:
    assert main(["count", "tokens"]) == 0
assert told.getvalue() == "3\\n"
""",
}


@pytest.fixture(scope="module")
def extended(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every example in it."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(project_root / "vqaudio", root / "vqaudio", ignore=shutil.ignore_patterns("__pycache__", "models"))
    examples = EXAMPLE.findall((project_root / "CONTRIBUTING.md").read_text())
    assert len(examples) == 6 + 6 + 5  # files, rows, and the rows' imports
    for name, anchor, is_end, code in examples:
        path = root / name
        if not anchor and not is_end:
            assert not path.exists()
            path.write_text(code)
            continue
        text = path.read_text()
        if is_end:
            path.write_text(text + code)
            continue
        assert text.count(f"{anchor}\n") == 1, f"{name} has no line {anchor!r}"
        path.write_text(text.replace(f"{anchor}\n", f"{anchor}\n{code}"))
    return root


@pytest.mark.parametrize("use", list(USES))
def test_a_worked_example_works(extended: Path, tmp_path: Path, use: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(extended)}
    command = [sys.executable, "-c", USES[use]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_table_of_files_to_touch_names_files_that_are_there(project_root: Path) -> None:
    table = (project_root / "CONTRIBUTING.md").read_text().split("| a new ...")[1].split("\n\n")[0]
    rows = re.findall(r"`(\w+)` of `(vqaudio/[\w/]+\.py)`", table)
    assert len(rows) == 6
    assert [name for name, file in rows if not re.search(rf"^{name}\b", (project_root / file).read_text(), re.M)] == []
