"""The floors, and what importing does: nothing."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPTIONAL_LIBRARIES = [
    "tensorboard",
    "pesq",
    "pystoi",
    "pocketsphinx",
    "transformers",
    "visqol",
    "matplotlib",
    "playwright",
    "vector_quantize_pytorch",
    "datasets",
    "onnx",
    "onnxscript",
    "onnxruntime",
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=300)


def run_python(code: str, root: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300)
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


IMPORT_ALL = """
import importlib, pkgutil, sys
import vqaudio
for module in pkgutil.walk_packages(vqaudio.__path__, "vqaudio."):
    importlib.import_module(module.name)
"""
PRINT_LIBRARIES = 'print(*(name for name in sys.modules if name.split(".")[0] not in ("vqaudio", "__main__")))\n'
SETTINGS = """
import contextlib, importlib, logging, os, random, signal, sys, warnings
import torch

for name in {libraries!r}:  # what torch and the others set when they are loaded is not ours
    with contextlib.suppress(Exception):
        importlib.import_module(name)

def settings():
    return (
        torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.initial_seed(),
        torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(), warnings.filters[:], random.getstate(), dict(os.environ),
        logging.root.level, logging.root.handlers[:], signal.getsignal(signal.SIGINT), sys.path[:],
    )

before = settings()
{import_all}
print(before == settings())
"""


@pytest.fixture(scope="module")
def import_without_extras(project_root):
    """What a fresh process prints that imports every file while each optional library raises ImportError."""
    missing = f"import sys\nsys.modules.update(dict.fromkeys({OPTIONAL_LIBRARIES}))\n"
    return run_python(missing + IMPORT_ALL + PRINT_LIBRARIES, project_root)


def test_the_whole_package_can_be_imported_without_any_optional_library_and_prints_nothing(import_without_extras):
    assert len(import_without_extras.splitlines()) == 1


def test_importing_the_package_changes_no_setting_of_the_process(project_root, import_without_extras):
    libraries = import_without_extras.split()
    assert run_python(SETTINGS.format(libraries=libraries, import_all=IMPORT_ALL), project_root) == "True\n"


def test_nothing_in_the_package_imports_the_recipes_or_the_tests(project_root):
    for path in sorted((project_root / "vqaudio").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("recipes", "tests") for name in names), path


def imports_in(package: Path) -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports anywhere, for the type checker alone too."""
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    found: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            else:
                names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            found[name] |= (names & modules.keys()) - {name, package.name}
    return found


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """The modules that stay when those which import nothing left are taken away, again and again."""
    left = dict(imports)
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_no_import_goes_round_in_a_circle(project_root):
    assert circle_in(imports_in(project_root / "vqaudio")) == []
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_folder_of_the_package_has_more_than_fifteen_modules(project_root):
    folders = {path.parent for path in (project_root / "vqaudio").rglob("*.py")}
    sizes = {folder.name: len([p for p in folder.glob("*.py") if p.name != "__init__.py"]) for folder in folders}
    assert {name: size for name, size in sizes.items() if size > 15} == {}
