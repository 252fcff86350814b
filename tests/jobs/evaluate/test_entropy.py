"""Rates of the codes under models, in kbit/s."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.evaluate.entropy import EntropyMeter
from vqaudio.prior.frame_model import FrameNetworkConfig, FramePrior
from vqaudio.tokens.schema import CodecStamp

STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 3, 16)


class Tiny:
    """What a meter asks of a codec: three codebooks of 16, 50 frames a second."""

    name, weights_sha256, config_sha256 = STAMP.name, STAMP.weights_sha256, ""
    num_codebooks, codebook_size = 3, 16
    grid = FrameGrid(16_000, 320)

    def encode(self, audio, lengths=None, num_codebooks=None):
        raise NotImplementedError

    def decode(self, audio_codes, length=None):
        raise NotImplementedError


def prior_of(stamp: CodecStamp) -> FramePrior:
    """A prior that gives every code the same chance."""
    prior = FramePrior(FrameNetworkConfig(vector=2, width=2, hidden=2), stamp).eval()
    with torch.no_grad():
        for value in prior.parameters():
            value.zero_()
    return prior


def test_uniform_codes_are_worth_the_nominal_rate_however_files_are_cut() -> None:
    codes = torch.from_numpy(np.random.default_rng(0).integers(16, size=(3, 4_000)))
    meter = EntropyMeter(Tiny(), prior_of(replace(STAMP, num_codebooks=2)))
    for part in codes.split(500, dim=1):
        meter.add(part)
    for k in (1, 2, 3):
        found = meter.rates(k)
        assert found is not None
        assert 0.2 * k * 0.995 < found.adaptive < 0.2 * k * 1.02
        if k < 3:
            assert found.prior == pytest.approx(0.2 * k)
        else:
            assert found.prior is None  # the prior knows two codebooks


def test_a_file_more_changes_the_rates_and_no_frames_have_none() -> None:
    meter = EntropyMeter(Tiny())
    assert meter.rates(1) is None
    meter.add(torch.zeros(3, 0, dtype=torch.int64))
    assert meter.rates(1) is None
    meter.add(torch.zeros(3, 2_000, dtype=torch.int64))
    constant = meter.rates(3)
    assert constant is not None
    assert constant.adaptive < 0.003
    meter.add(torch.from_numpy(np.random.default_rng(0).integers(16, size=(3, 2_000))))
    mixed = meter.rates(3)
    assert mixed is not None
    assert mixed.adaptive > 0.25


def test_a_prior_of_another_codec_is_refused() -> None:
    with pytest.raises(VqaudioError, match="use the codec that made them"):
        EntropyMeter(Tiny(), prior_of(replace(STAMP, weights_sha256="1" * 64)))
