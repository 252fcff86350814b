"""The frame prior: what it may see, what it pays, and its file."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.prior import frame_model
from vqaudio.prior.frame_model import FrameNetworkConfig, FramePrior, frame_bits
from vqaudio.prior.frame_saving import open_frame_prior, save_frame_prior
from vqaudio.prior.saving import open_prior
from vqaudio.tokens.schema import CodecStamp

STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 3, 8)
NETWORK = FrameNetworkConfig(vector=6, width=10, hidden=7, dropout=0.2)


@pytest.fixture
def frame_prior() -> FramePrior:
    """Three codebooks of 8; weights far from zero, so that a mistake shows."""
    torch.manual_seed(0)
    prior = FramePrior(NETWORK, STAMP).eval().requires_grad_(False)
    for value in prior.parameters():
        value.normal_(0, 0.6)
    return prior


def codes_of(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(8, size=shape)


def test_the_chances_of_a_place_add_up_to_one(frame_prior: FramePrior) -> None:
    chances = frame_prior(torch.from_numpy(codes_of(2, 3, 9)))
    assert chances.shape == (2, 3, 9, 8)
    torch.testing.assert_close(chances.exp().sum(-1), torch.ones(2, 3, 9))


def test_a_code_is_guessed_from_earlier_frames_and_lower_books_and_from_nothing_else(frame_prior: FramePrior) -> None:
    codes = torch.from_numpy(codes_of(1, 3, 9))
    before = frame_prior(codes)
    for book, frame in ((0, 0), (1, 4), (2, 8)):
        other = codes.clone()
        other[0, book, frame] = (other[0, book, frame] + 1) % 8
        has_changed = (frame_prior(other) != before).any(-1)[0]
        may_change = torch.zeros(3, 9, dtype=torch.bool)
        may_change[:, frame + 1 :] = True
        may_change[book + 1 :, frame] = True
        torch.testing.assert_close(has_changed, may_change)


def test_a_stream_of_few_books_knows_nothing_of_the_others(frame_prior: FramePrior) -> None:
    codes = codes_of(3, 9)
    (few,), (all_books,) = frame_bits(frame_prior, [codes[:1]]), frame_bits(frame_prior, [codes])
    assert few.shape == (1, 9)
    assert few[0, 0] == pytest.approx(all_books[0, 0])  # nothing was before
    assert np.abs(few - all_books[:1])[0, 1:].max() > 1e-3  # the higher books told of the next frames


def test_a_prior_that_knows_nothing_pays_the_nominal_rate(frame_prior: FramePrior) -> None:
    for value in frame_prior.parameters():
        value.zero_()
    (bits,) = frame_bits(frame_prior, [codes_of(3, 9)])
    np.testing.assert_allclose(bits, 3.0, rtol=1e-6)


def test_long_recordings_are_read_in_windows_without_a_trace(
    frame_prior: FramePrior, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = codes_of(3, 23)
    (whole,) = frame_bits(frame_prior, [codes])
    wanted = -frame_prior(torch.from_numpy(codes)[None])[0].gather(-1, torch.from_numpy(codes)[..., None])[..., 0]
    np.testing.assert_allclose(whole, wanted.numpy() / np.log(2), rtol=1e-4)
    monkeypatch.setattr(frame_model, "FRAMES_AT_ONCE", 5)
    np.testing.assert_allclose(frame_bits(frame_prior, [codes])[0], whole, rtol=1e-4)


def test_scoring_drops_nothing_out_and_leaves_the_prior_as_it_was(frame_prior: FramePrior) -> None:
    codes = codes_of(3, 9)
    (wanted,) = frame_bits(frame_prior, [codes])
    (found,) = frame_bits(frame_prior.train(), [codes])
    assert frame_prior.training
    np.testing.assert_array_equal(found, wanted)
    assert frame_bits(frame_prior, [np.zeros((2, 0), int)])[0].shape == (2, 0)


def test_codes_of_other_books_are_refused(frame_prior: FramePrior) -> None:
    for wrong in (codes_of(4, 2), codes_of(3, 2) + 8, codes_of(3, 2) - 8, codes_of(2)):
        with pytest.raises(VqaudioError, match="wanted codes"):
            frame_bits(frame_prior, [wrong])


def test_a_saved_prior_pays_the_same_and_is_tied_to_its_codec(frame_prior: FramePrior, tmp_path) -> None:
    codes = codes_of(3, 9)
    save_frame_prior(frame_prior, tmp_path, facts={"step": 3})
    opened = open_frame_prior(tmp_path)
    assert (opened.stamp, opened.config) == (STAMP, NETWORK)
    np.testing.assert_array_equal(frame_bits(opened, [codes])[0], frame_bits(frame_prior, [codes])[0])
    save_frame_prior(frame_prior, tmp_path / "half", is_half=True)
    np.testing.assert_allclose(
        frame_bits(open_frame_prior(tmp_path / "half"), [codes])[0], frame_bits(frame_prior, [codes])[0], atol=0.02
    )
    with pytest.raises(VqaudioError, match="not by other"):
        opened.stamp.require_same(replace(STAMP, name="other", weights_sha256="1" * 64))


def test_a_damaged_prior_and_one_of_another_kind_are_refused(frame_prior: FramePrior, tmp_path) -> None:
    with pytest.raises(VqaudioError, match="train_frames"):
        open_frame_prior(tmp_path)
    save_frame_prior(frame_prior, tmp_path)
    with pytest.raises(VqaudioError, match="not a vqaudio prior's"):
        open_prior(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["vqaudio"]["network"]["width"] = 0
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(VqaudioError, match="widths of 1 or more"):
        open_frame_prior(tmp_path)
    save_frame_prior(frame_prior, tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(VqaudioError, match="fetch the prior again"):
        open_frame_prior(tmp_path)
