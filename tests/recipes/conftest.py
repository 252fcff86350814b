"""The codec recipe as a module."""

import importlib.util
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "train_codec.py"


@pytest.fixture(scope="session")
def recipe():
    spec = importlib.util.spec_from_file_location("train_codec", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_codec"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
