"""README.md does what it says: its set-up is what .ci/run runs, its commands and its Python run."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from vqaudio.cli.main import main

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(root: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall((root / "README.md").read_text()) if kind == language]


def typed_commands(root: Path) -> list[str]:
    """What follows `$ ` in the console blocks, the printed lines left out."""
    return re.findall(r"^\$ (.+)$", "".join(blocks(root, "console")), re.MULTILINE)


@pytest.fixture(scope="module")
def home(project_root, tmp_path_factory):
    """A folder with data/samples in it, where every command of the README has been run, in its order."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(project_root / "data" / "samples", folder / "data" / "samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in typed_commands(project_root):
            for call in re.findall(r"\bvqaudio (\w+.*)", command):
                assert main(shlex.split(call)) == 0, call
    return folder


def test_the_two_set_up_commands_are_the_ones_that_ci_runs(project_root):
    first, second = [command for command in typed_commands(project_root) if "pip install" in command]
    ci = (project_root / ".ci" / "run").read_text()
    assert first.replace("pip install .", 'pip install "$wheel"') + "\n" in ci
    install, tests = second.split(" && ")
    assert f"\n{install}\n" in ci
    assert f"\n{tests}\n" in ci


def test_the_python_of_the_readme_runs_in_its_order(project_root, home, monkeypatch):
    monkeypatch.chdir(home)
    namespace: dict[str, object] = {}
    python = blocks(project_root, "python")
    assert python
    for number, block in enumerate(python):
        exec(compile(block, f"README.md, python block {number + 1}", "exec"), namespace)


def test_every_file_that_the_readme_names_is_there(project_root):
    text = re.sub(FENCE, "", (project_root / "README.md").read_text())
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    files = re.findall(r"`((?:vqaudio|recipes|tests|data)/[\w./-]+)`", text)
    assert files
    gone = [name for name in links + files if not (project_root / name).exists()]
    assert not gone
