"""What every test shares: the sample recordings, seeds, and the same examples from hypothesis in every run."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# The machine may be busy: no deadline.  A run that failed must fail again: the same examples every time.
settings.register_profile("vqaudio", derandomize=True, deadline=None, database=None)
settings.load_profile("vqaudio")


@pytest.fixture(autouse=True)
def _seeded():
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:  # the tests of the ground floor never load it
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout: README.md, recipes and data stand here."""
    return ROOT


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """data/samples: a few spoken sentences with their phones."""
    return ROOT / "data" / "samples"
