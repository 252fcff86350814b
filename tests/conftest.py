"""What every test shares: the sample recordings, seeds, and the same examples from hypothesis in every run."""

import os
import random
import sys
from collections.abc import Callable
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

# Of HuBERT, WavLM and wav2vec 2.0, with random weights; the large ones are built in another way.
SPEECH_MODEL = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
    "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
LARGE_SPEECH_MODEL = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}

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

    def make(speaker_kind: str = "reference", num_speakers: int = 0, known: tuple[str, ...] = (), pitch_steps: int = 0):
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
            decoder=DecoderConfig(width=16, hidden=16, lookahead_frames=2, phase_iterations=1, pitch_steps=pitch_steps),
        )
        codec = build_codec(config).train()
        codec(torch.randn(2, 1, 16_000) * 0.3, torch.tensor([0, 1]) if num_speakers else None)
        if codec.decoder.conditioning is not None:
            torch.nn.init.normal_(codec.decoder.conditioning.project.weight, std=0.3)
        if known:
            codec.known_speakers = KnownSpeakers(known, torch.randn(len(known), 4))
        return codec.eval().requires_grad_(False)

    return make


@pytest.fixture(scope="session")
def make_speech_model():
    """Saves a small model.  is_large: built as large ones are; is_normalized: takes normalised recordings."""

    def make(
        folder: Path, kind: str = "hubert", *, is_large: bool = False, is_normalized: bool = True, seed: int = 0
    ) -> Path:
        import torch

        transformers = pytest.importorskip("transformers", reason="transformers is missing: pip install 'vqaudio[hf]'")
        kinds = {
            "hubert": (transformers.HubertConfig, transformers.HubertModel),
            "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
            "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
        }
        config, model = kinds[kind]
        torch.manual_seed(seed)
        made = model(config(**SPEECH_MODEL, **(LARGE_SPEECH_MODEL if is_large else {}))).eval()
        for parameter in made.parameters():  # the library's first weights are so small that layers change little
            parameter.data += 0.1 * torch.randn(parameter.shape)
        made.save_pretrained(folder)
        transformers.Wav2Vec2FeatureExtractor(do_normalize=is_normalized).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def speech_model(make_speech_model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small HuBERT."""
    return make_speech_model(tmp_path_factory.mktemp("models") / "hubert")


@pytest.fixture(scope="session")
def means_file(speech_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Means as .npy: hidden states of the small HuBERT's second layer, so that all units occur."""
    from vqaudio.codec.units.hidden_states import open_hidden_states

    noise = 0.1 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    vectors = open_hidden_states(str(speech_model), 2)(noise)
    path = tmp_path_factory.mktemp("means") / "km.npy"
    np.save(path, vectors[:: len(vectors) // 17][:17])
    return path


@pytest.fixture(scope="session")
def voice() -> Callable[[np.ndarray], np.ndarray]:
    """A function: F0 in Hz for every sample, at 16 kHz -> seven harmonics, softer towards the top."""

    def sound(f0_hz: np.ndarray) -> np.ndarray:
        phase = 2 * np.pi * np.cumsum(f0_hz) / 16_000
        return 0.1 * np.sum([np.sin(order * phase) / order for order in range(1, 8)], axis=0)

    return sound
