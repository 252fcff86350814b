"""A codec with random weights, whose codebooks start from speech, and a folder of recordings, both tiny."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from torch import Tensor

from vqaudio.core.units import FrameGrid

HOP_SAMPLES = 320
LEVELS_RATE_HZ = 16_000


class LevelTokenizer:
    """One codebook of sixteen levels; one frame is one sample."""

    name, weights_sha256, config_sha256 = "levels", "ab" * 32, ""
    num_codebooks, codebook_size = 1, 16
    grid = FrameGrid(LEVELS_RATE_HZ, 1)

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Codes `b 1 n`."""
        return ((audio + 1) * 8).long().clamp(0, 15)

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """The middle of each level."""
        return (audio_codes + 0.5) / 8 - 1


@pytest.fixture
def level_tokenizer() -> LevelTokenizer:
    """A codec whose codes and sound are known in advance."""
    return LevelTokenizer()


@pytest.fixture(scope="session")
def tiny_codec(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    """The folder of a codec: 3 codebooks of 64, windows of 10 frames."""
    import torch

    from vqaudio.codec.build import build_codec
    from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
    from vqaudio.codec.saving import save_codec
    from vqaudio.quantizers.ema import EmaConfig

    torch.manual_seed(0)
    config = CodecConfig(
        name="tiny",
        latent_width=8,
        window_frames=10,
        encoder=EncoderConfig(widths=(8, 16), dilations=((), (1, 3)), stem_bands=20),
        quantizer=EmaConfig(num_codebooks=3, codebook_size=64),
        decoder=DecoderConfig(width=16, hidden=16, lookahead_frames=2),
    )
    sentences = sorted((project_root / "data" / "samples").rglob("*.flac"))[::3]
    audio = np.stack([soundfile.read(path, frames=16_000, dtype="float32")[0] for path in sentences])
    codec = build_codec(config).train()
    codec(torch.from_numpy(audio)[:, None])
    folder = tmp_path_factory.mktemp("codec") / "tiny"
    save_codec(codec, folder)
    return folder


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten recordings with lengths on both sides of a frame's and a window's border, two of them at 44.1 kHz stereo."""
    generator = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("audio") / "wavs"
    lengths = [1, HOP_SAMPLES - 1, HOP_SAMPLES, HOP_SAMPLES + 1, 3199, 3200, 3201, 7000, 9999, 16_000]
    for index, num_samples in enumerate(lengths):
        path = root / f"speaker{index % 2}" / f"{index:02}.{'flac' if index % 3 else 'wav'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape, rate_hz = ((num_samples, 2), 44_100) if index in (7, 9) else ((num_samples,), 16_000)
        soundfile.write(path, 0.2 * generator.standard_normal(shape), rate_hz, subtype="PCM_16")
    return root


@pytest.fixture
def tokenize(tiny_codec: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / name`; returns the exit status and id -> codes."""

    def call(audio: Path, name: str = "tokens", *flags: str) -> tuple[int, dict[str, list[list[int]]]]:
        from vqaudio.cli.main import main
        from vqaudio.tokens.store import TokenStore

        out = tmp_path / name
        workers = () if "--workers" in flags else ("--workers", "0")
        status = main(["tokenize", str(audio), "--out", str(out), "--codec", str(tiny_codec), *workers, *flags])
        return status, {row.id: row.codes.tolist() for row in TokenStore.open(out)} if out.exists() else {}

    return call


@pytest.fixture
def reference(tiny_codec: Path, recordings: Path) -> dict[str, list[list[int]]]:
    """id -> codes by the codec's own door, each file whole and alone."""
    import torch

    from vqaudio.audio.files import read_audio
    from vqaudio.codec.saving import open_codec

    codec = open_codec(tiny_codec)
    paths = sorted(path for path in recordings.rglob("*.*"))
    return {
        path.relative_to(recordings).as_posix(): codec.encode(torch.from_numpy(read_audio(path))[None, None])[
            0
        ].tolist()
        for path in paths
    }
