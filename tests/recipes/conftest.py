"""Recipes as modules."""

import importlib.util
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
sys.path.insert(0, str(RECIPES))  # as Python does for a script there: they share run.py


@pytest.fixture(scope="session")
def script():
    """Loads a script below recipes/ by its path there."""

    def load(name: str):
        spec = importlib.util.spec_from_file_location(Path(name).stem, RECIPES / name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def recipe(script):
    """The codec recipe."""
    return script("train_codec.py")
