"""What a codec of units says of clean speech, as the classes of its successor."""

import pytest
import torch

from vqaudio.nn.encoder import Encoder
from vqaudio.nn.stem import SpectralStem, StemOutput
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.training.units.teacher import Teacher, TeacherConfig

NUM_BANDS, LOOKAHEAD = 20, 2


@pytest.fixture
def make_teacher():
    torch.manual_seed(0)
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=NUM_BANDS)
    shape = {"widths": (12, 16), "strides": (160, 2), "dilations": ((), (1, 3)), "latent_width": 6}
    encoder = Encoder(**shape, stem=stem, stem_bands=NUM_BANDS, lookahead_frames=LOOKAHEAD).eval()
    quantizer = EmaQuantizer(6, 12).eval()
    with torch.no_grad():
        latents = encoder.vectors_of(torch.randn(1, NUM_BANDS, 400))[0].T
    quantizer.codebook.sums.copy_(latents[:: len(latents) // 12][:12])
    quantizer.codebook.counts.fill_(1)
    quantizer.codebook.is_started.fill_(True)
    return lambda **how: Teacher(encoder, quantizer, TeacherConfig(**how))


def heard(num_rows=3, num_steps=80):
    """Features that change every few steps."""
    return StemOutput(torch.randn(num_rows, NUM_BANDS, num_steps // 4).repeat_interleave(4, dim=-1), None)


def num_changes(codes):
    return int((codes.diff(dim=1) != 0).sum())


def test_without_a_penalty_and_other_voices_it_says_the_codes_of_the_codec(make_teacher):
    teacher, output = make_teacher(penalty=0, warps=(1.0,)), heard()
    codes = teacher(output)
    latents = teacher.encoder.vectors_of(output.features).mT
    assert torch.equal(codes[:, :-LOOKAHEAD], teacher.quantizer.encode(latents)[..., 0])
    assert num_changes(codes) > 60


def test_a_penalty_keeps_codes_for_longer(make_teacher):
    output = heard()
    changes = [num_changes(make_teacher(penalty=penalty, warps=(1.0,))(output)) for penalty in (0, 0.5, 2, 1e6)]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > changes[1] > changes[2] > changes[3] == 0


def test_the_voice_is_averaged_away(make_teacher):
    output = heard()
    views = [make_teacher(warps=(factor,)).latents(output.features) for factor in (0.9, 1.0, 1.1)]
    mean = make_teacher(warps=(0.9, 1.0, 1.1)).latents(output.features)
    torch.testing.assert_close(mean, sum(views) / 3, rtol=1e-4, atol=1e-5)
    assert (views[0] - views[2]).abs().max() > 0.1


def test_segments_end_where_the_speech_does(make_teacher):
    """Frames of padding take no part in the segments before them."""
    teacher, output = make_teacher(penalty=1.0), heard()
    whole = teacher(output, torch.tensor([80, 40, 60]))
    assert int(whole[1, 20:].abs().sum() + whole[2, 30:].abs().sum()) == 0
    changed = output.features.clone()
    changed[1, :, 40 + LOOKAHEAD * 2 :] += 5
    assert torch.equal(teacher(StemOutput(changed, None), torch.tensor([80, 40, 60])), whole)


def test_a_teacher_does_not_learn(make_teacher):
    assert not any(parameter.requires_grad for parameter in make_teacher().parameters())
