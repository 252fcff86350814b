import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
from vqaudio.quantizers.ema import EmaConfig


def started(config: CodecConfig):
    """A codec whose codebooks started from noise that grows and fades."""
    torch.manual_seed(0)
    codec = build_codec(config).train()
    codec(torch.randn(4, 1, 32_000) * torch.rand(4, 1, 32_000).round(decimals=1) * 0.2)
    return codec.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def make_codec():
    return started


@pytest.fixture(scope="session")
def codec():
    """Three codebooks, windows of 10 frames, an encoder that hears two frames ahead."""
    return started(
        CodecConfig(
            name="small",
            latent_width=8,
            window_frames=10,
            encoder=EncoderConfig(
                widths=(8, 16), dilations=((), (1, 3)), stem_bands=20, lookahead_frames=2, soft_share=0.3
            ),
            quantizer=EmaConfig(num_codebooks=3, codebook_size=64),
            decoder=DecoderConfig(
                width=16, hidden=16, lookahead_frames=2, slow_dilations=(1,), fast_dilations=(1,), phase_iterations=6
            ),
        )
    )


@pytest.fixture(scope="session")
def speech():
    """`3 n`: noise shaped like syllables, with a stretch of silence."""
    generator = torch.Generator().manual_seed(5)
    envelope = (torch.sin(torch.arange(16_123) * 2 * torch.pi * 4 / 16_000) + 1) / 2
    envelope[5_000:7_000] = 0
    return (torch.randn(3, 16_123, generator=generator) * 0.1 * envelope).numpy()
