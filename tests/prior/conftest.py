"""Small languages, priors with random weights, and a source whose entropy is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.language import CodeLanguage
from vqaudio.prior.model import Prior
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 1, 8)
NETWORK = NetworkConfig(width=16, num_layers=2, num_heads=2, hidden=24, context_tokens=16, dropout=0.1)


def build_prior(language: CodeLanguage, spread: float = 0.4, **changes) -> Prior:
    torch.manual_seed(0)
    prior = Prior(replace(NETWORK, **changes), language).eval().requires_grad_(False)
    for value in prior.parameters():
        if value.ndim == 2:  # far from uniform, so that a mistake shows
            value.normal_(0, spread)
    return prior


@pytest.fixture(scope="session")
def make_prior():
    """A language, and what of the network is another -> a prior."""
    return build_prior


@pytest.fixture(scope="session")
def languages() -> dict[str, CodeLanguage]:
    """One codebook of 8, and three of them in two orders."""
    three = replace(STAMP, num_codebooks=3)
    return {
        "single": CodeLanguage(STAMP),
        "delayed": CodeLanguage(three, "delayed"),
        "flattened": CodeLanguage(three, "flattened", ("ada", "bruno")),
    }


@pytest.fixture(scope="session")
def prior(languages) -> Prior:
    """One codebook."""
    return build_prior(languages["single"])


class MarkovSource:
    """Codes 0 to 7, each drawn given the one before it; a sequence begins and ends anywhere."""

    def __init__(self) -> None:
        generator = np.random.default_rng(7)
        self.chances = generator.dirichlet(np.full(8, 0.4), size=8)
        stationary = np.linalg.matrix_power(self.chances, 200)[0]
        self.unigram_bits = float(-(stationary * np.log2(stationary)).sum())
        self.entropy_rate_bits = float(-(stationary[:, None] * self.chances * np.log2(self.chances + 1e-300)).sum())

    def draw(self, num_codes: int, seed: int) -> np.ndarray:
        edges, generator = self.chances.cumsum(axis=1), np.random.default_rng(seed)
        codes = [int(generator.integers(8))]
        for number in generator.random(num_codes - 1):
            codes.append(min(7, int(np.searchsorted(edges[codes[-1]], number, side="right"))))
        return np.array(codes)


@pytest.fixture(scope="session")
def source() -> MarkovSource:
    """Its bits are known."""
    return MarkovSource()


@pytest.fixture(scope="session")
def store(tmp_path_factory, source) -> TokenStore:
    """40 rows of 60 frames by 10 speakers."""
    folder = tmp_path_factory.mktemp("store") / "tokens"
    with TokenWriter(folder, STAMP) as writer:
        for number in range(40):
            codes = source.draw(60, number)[None].astype(np.uint16)
            writer.append(TokenRow(f"{number:02}.wav", codes, 60 * 320, 16_000, 1.2, f"speaker {number % 10}"))
    return TokenStore.open(folder)
