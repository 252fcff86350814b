"""A damaged codec is opened as the codec that it is, or refused in words."""

import shutil
from pathlib import Path

import pytest
import torch

from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.errors import VqaudioError


@pytest.fixture
def saved(make_voiced_codec, tmp_path: Path) -> Path:
    save_codec(make_voiced_codec(known=("ada", "bruno")), tmp_path / "codec")
    return tmp_path / "codec"


@pytest.mark.parametrize("part", ["config.json", "model.safetensors", "speakers.json"])
def test_a_damaged_codec_is_refused_in_words_or_is_the_one_that_it_says(
    part, saved, tmp_path, mutations, capsys
) -> None:
    whole, damaged, audio = open_codec(saved), tmp_path / "damaged", torch.randn(1, 1, 3_200)
    for name, content in mutations((saved / part).read_bytes(), share=3):
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(saved, damaged)
        (damaged / part).write_bytes(content)
        assert main(["info", str(damaged)]) in (0, 1), name
        assert "Traceback" not in capsys.readouterr().err, name
        try:
            codec = open_codec(damaged)
        except VqaudioError:
            continue
        assert codec.weights_sha256 == whole.weights_sha256, name
        if codec.config_sha256 == whole.config_sha256:
            assert torch.equal(codec.encode(audio), whole.encode(audio)), name
