"""The stamp of a codec, and the codec of a stamp."""

import pytest
import torch

from vqaudio.codec.saving import save_codec
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.stamps import open_stamped, stamp_of


@pytest.fixture
def codec(make_voiced_codec):
    return make_voiced_codec()


def test_a_stamp_says_all_that_the_codes_depend_on(codec):
    stamp = stamp_of(codec)
    assert stamp.to_json() == {
        "name": "voiced",
        "weights_sha256": codec.weights_sha256,
        "sample_rate_hz": 16_000,
        "hop_samples": 320,
        "num_codebooks": 1,
        "codebook_size": 16,
        "config_sha256": codec.config_sha256,
    }
    assert stamp_of(codec, 1) == stamp


@pytest.mark.parametrize("number", [0, -1, 2])
def test_codebooks_that_the_codec_has_not_are_refused(codec, number):
    with pytest.raises(VqaudioError, match=f"has 1 codebooks, got --codebooks {number}"):
        stamp_of(codec, number)


def test_of_several_versions_the_one_that_made_the_codes_is_opened(codec, tmp_path, monkeypatch):
    monkeypatch.setattr("vqaudio.codec.locate.MODELS", tmp_path)
    old = stamp_of(codec)
    save_codec(codec, tmp_path / "voiced@1")
    with torch.no_grad():
        next(codec.parameters()).mul_(2)
    new = stamp_of(codec)
    save_codec(codec, tmp_path / "voiced")
    for stamp in (old, new):
        assert stamp_of(open_stamped(stamp)) == stamp
    for way in ("voiced", str(tmp_path / "voiced")):
        with pytest.raises(VqaudioError, match="use the codec that made them"):
            open_stamped(old, way)
    with pytest.raises(VqaudioError, match="no codec called 'nowhere'"):
        open_stamped(old, "nowhere")
    monkeypatch.setattr("vqaudio.codec.locate.MODELS", tmp_path / "empty")
    with pytest.raises(VqaudioError, match="give its folder with --codec"):
        open_stamped(old)
