from dataclasses import replace

import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
from vqaudio.quantizers.ema import EmaConfig

SMALL = CodecConfig(
    name="small",
    latent_width=16,
    window_frames=20,
    encoder=EncoderConfig(widths=(24, 32), dilations=((), (1, 3)), stem_bands=40),
    quantizer=EmaConfig(num_codebooks=4, codebook_size=64),
    decoder=DecoderConfig(width=32, hidden=48, slow_dilations=(1,), fast_dilations=(1,), phase_iterations=4),
)


@pytest.fixture(scope="session")
def config():
    return SMALL


@pytest.fixture
def speech():
    """`2 1 n`: noise shaped like syllables, so that codes vary."""
    generator = torch.Generator().manual_seed(5)
    n = 16_000 + 123
    envelope = (torch.sin(torch.arange(n) * 2 * torch.pi * 4 / 16_000) + 1) / 2
    return torch.randn(2, 1, n, generator=generator) * 0.1 * envelope


@pytest.fixture(scope="session")
def config_ahead():
    """Of a codec whose encoder hears two frames ahead."""
    return replace(SMALL, encoder=replace(SMALL.encoder, lookahead_frames=2))


@pytest.fixture(scope="session")
def codec():
    """A small codec whose codebooks started from data, in eval mode."""
    return started(SMALL)


@pytest.fixture(scope="session")
def codec_ahead(config_ahead):
    """The same, its encoder hearing two frames ahead."""
    return started(config_ahead)


def started(config):
    torch.manual_seed(0)
    codec = build_codec(config)
    codec.train()
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        loud = torch.rand(4, 1, 32_000, generator=generator)
        codec(torch.randn(4, 1, 32_000, generator=generator) * 0.2 * loud.round(decimals=1))
    return codec.eval().requires_grad_(False)
