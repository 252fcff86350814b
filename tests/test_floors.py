"""The floors, and what importing does: nothing."""

import ast
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

OPTIONAL_LIBRARIES = ["tensorboard", "pesq", "pystoi", "transformers", "ray", "vector_quantize_pytorch", "datasets"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60)


def run_python(code: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def copied_package(project_root, tmp_path):
    shutil.copytree(
        project_root / "vqaudio", tmp_path / "vqaudio", ignore=shutil.ignore_patterns("__pycache__", "models")
    )
    shutil.copy(project_root / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_folder_imports_only_its_own_files_and_lower_floors(copied_package):
    done = lint(copied_package)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("core/upwards.py", "vqaudio.nn"),
        ("quantizers/sideways.py", "vqaudio.nn"),
        ("tokens/upwards.py", "vqaudio.codec"),
        ("codec/sideways.py", "vqaudio.corpora"),
        ("core/heavy.py", "torch"),
    ],
)
def test_an_import_upwards_or_sideways_is_refused(copied_package, file, imported):
    (copied_package / "vqaudio" / file).write_text(f"def later():\n    import {imported}\n")
    done = lint(copied_package)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout


def test_the_whole_package_can_be_imported_without_any_optional_library(project_root):
    run_python(
        f"""
        import importlib, pkgutil, sys
        sys.modules.update(dict.fromkeys({OPTIONAL_LIBRARIES}))  # None: importing one raises ImportError
        import vqaudio
        for module in pkgutil.walk_packages(vqaudio.__path__, "vqaudio."):
            importlib.import_module(module.name)
        """,
        project_root,
    )


def test_importing_the_package_changes_no_setting_of_the_process(project_root):
    # Twice, the second time afresh: what torch and the others set when they are loaded is not ours.
    printed = run_python(
        """
        import importlib, logging, os, pkgutil, random, signal, sys, warnings
        import torch

        def settings():
            return (
                torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.initial_seed(),
                torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled(),
                torch.get_float32_matmul_precision(), warnings.filters[:], random.getstate(), dict(os.environ),
                logging.root.level, logging.root.handlers[:], signal.getsignal(signal.SIGINT), sys.path[:],
            )

        for _ in range(2):
            for name in [name for name in sys.modules if name.split(".")[0] == "vqaudio"]:
                del sys.modules[name]
            before = settings()
            import vqaudio
            for module in pkgutil.walk_packages(vqaudio.__path__, "vqaudio."):
                importlib.import_module(module.name)
        print(before == settings())
        """,
        project_root,
    )
    assert printed == "True\n"  # and nothing else was printed


def test_nothing_in_the_package_imports_the_recipes_or_the_tests(project_root):
    for path in sorted((project_root / "vqaudio").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("recipes", "tests") for name in names), path
