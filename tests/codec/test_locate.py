"""Shipped codecs are found by name and version, never one for another."""

import json

import pytest

from vqaudio.codec.locate import find_codec
from vqaudio.core.errors import VqaudioError


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two versions: the newest has the plain name for its folder, the one before its own."""
    quantizer = {"kind": "ema", "num_codebooks": 8, "codebook_size": 1024}
    for folder, name in (("speech-16k", "speech-16k@5"), ("speech-16k@1", "speech-16k@1")):
        codec = {"name": name, "sample_rate_hz": 16_000, "encoder": {"strides": [320]}, "quantizer": quantizer}
        header = {"format_version": 1, "weights_sha256": "cd" * 32, "codec": codec}
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text(json.dumps(header))
    monkeypatch.setattr("vqaudio.codec.locate.MODELS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "folder"),
    [("speech-16k", "speech-16k"), ("speech-16k@5", "speech-16k"), ("speech-16k@1", "speech-16k@1")],
)
def test_a_version_is_found_whether_it_is_the_newest_or_not(models, name, folder):
    assert find_codec(name) == models / folder


@pytest.mark.parametrize("name", ["speech-16k@2", "speech-16k@", "speech"])
def test_a_version_that_is_not_shipped_is_refused_and_not_replaced_by_the_newest(models, name):
    with pytest.raises(VqaudioError, match=r"shipped codecs \(speech-16k, speech-16k@1\)"):
        find_codec(name)
