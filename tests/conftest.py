"""What every test shares: the sample recordings, seeds, and the same examples from hypothesis in every run."""

import os
import random
import sys
from pathlib import Path

# Files of tests run side by side: each process, and each that it starts, has one thread, and none waits for another's.
# Before numpy and torch are imported, which look when they are.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Their tests take longest: whoever starts with them does not end with them, alone, while other processes are idle.
LONG_FILES = ("test_readme.py", "test_shared_training.py", "test_train_codec.py", "test_probe.py", "test_discovery.py")

# The machine may be busy: no deadline.  A run that failed must fail again: the same examples every time.
settings.register_profile("vqaudio", derandomize=True, deadline=None, database=None)
settings.load_profile("vqaudio")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what tests/fuzz asks for; here, because only the first conftest is read in time."""
    parser.addoption("--full", action="store_true", help="tests/fuzz: 5,000 mutations of each kind, not 200")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Brings the tests of long files to the front, in the order of `LONG_FILES`."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


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


@pytest.fixture(scope="session")
def make_voiced_codec():
    """Makes a small codec whose decoder is conditioned on the speaker, strongly enough to be measured."""

    def make(speaker_kind: str = "reference", num_speakers: int = 0, known: tuple[str, ...] = ()):
        import torch

        from vqaudio.codec.build import build_codec
        from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
        from vqaudio.codec.speakers import KnownSpeakers
        from vqaudio.quantizers.ema import EmaConfig

        torch.manual_seed(0)
        config = CodecConfig(
            name="voiced",
            speaker_kind=speaker_kind,
            num_speakers=num_speakers,
            speaker_width=4,
            latent_width=8,
            window_frames=10,
            encoder=EncoderConfig(widths=(8, 16), dilations=((), (1,)), stem_bands=20, lookahead_frames=2),
            quantizer=EmaConfig(num_codebooks=1, codebook_size=16),
            decoder=DecoderConfig(width=16, hidden=16, lookahead_frames=2, phase_iterations=1),
        )
        codec = build_codec(config).train()
        codec(torch.randn(2, 1, 16_000) * 0.3, torch.tensor([0, 1]) if num_speakers else None)
        if codec.decoder.conditioning is not None:
            torch.nn.init.normal_(codec.decoder.conditioning.project.weight, std=0.3)
        if known:
            codec.known_speakers = KnownSpeakers(known, torch.randn(len(known), 4))
        return codec.eval().requires_grad_(False)

    return make
