import math

import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.fourier import ISTFTHead
from vqaudio.nn.phases import _peaks, integrate_phases

HOP, N_FFT = 160, 640
SILENT = torch.full((1, N_FFT // 2 + 1), -20.0)


def log_spectra(audio):
    """Log magnitudes `b t f` of audio `b n`; a sinusoid of amplitude 1 has 0."""
    frames = torch.fft.rfft(audio.unfold(-1, N_FFT, HOP) * torch.hann_window(N_FFT))
    return torch.log(frames.abs() / (N_FFT / 4) + 1e-9)


def glide(num_samples):
    """A gliding voice of nineteen harmonics, `1 n`."""
    time_s = torch.arange(num_samples) / 16_000
    phase = 2 * math.pi * torch.cumsum(150 + 30 * torch.sin(2 * math.pi * 3 * time_s), dim=0) / 16_000
    return 0.1 * torch.stack([torch.sin(order * phase) / order for order in range(1, 20)]).sum(dim=0)[None]


def turns_apart(first, second):
    """The largest angle between two tensors of phases, in radians."""
    return torch.remainder(first - second + math.pi, 2 * math.pi).sub(math.pi).abs().max().item()


@pytest.mark.parametrize("frequency_hz", [200.0, 1_003.7, 3_512.5])
def test_a_sinusoid_goes_on_at_its_own_frequency(frequency_hz):
    audio = torch.sin(2 * math.pi * frequency_hz / 16_000 * torch.arange(8_000))[None]
    phases = integrate_phases(log_spectra(audio), SILENT, torch.zeros_like(SILENT), hop=HOP)
    top = round(frequency_hz / 25)
    advance = torch.full_like(phases[0, 1:, top], 2 * math.pi * frequency_hz * HOP / 16_000)
    assert turns_apart(phases[0, 1:, top].diff(), advance[1:]) < 0.05
    beside = phases[0, 1:, top + 1] - phases[0, 1:, top]  # a window that begins at 0 turns by half a turn each bin
    assert turns_apart(beside, torch.full_like(beside, math.pi)) < 0.05


def consistency_error(log_magnitudes, phases):
    """How far the magnitudes of the sound are from those asked for, as a share of their energy."""
    sound = ISTFTHead(4, hop=HOP).synthesize(log_magnitudes, phases)[:, 0]
    return (log_spectra(sound).exp() - log_magnitudes.exp()[:, : -(N_FFT // HOP) + 1])[:, 8:-8].square().sum()


def test_a_gliding_voice_is_consistent_before_the_first_iteration():
    wanted = log_spectra(glide(16_000))
    phases = integrate_phases(wanted, SILENT, torch.zeros_like(SILENT), hop=HOP)
    energy = wanted.exp().square().sum()
    assert consistency_error(wanted, phases) < 0.02 * energy
    assert consistency_error(wanted, torch.zeros_like(phases)) > 0.2 * energy


def test_a_louder_sound_has_the_same_phases():
    quiet = torch.randn(2, 20, 321) - 3
    before, phases_before = torch.randn(2, 321) - 3, torch.randn(2, 321)
    louder = integrate_phases(quiet + 2, before + 2, phases_before, hop=HOP)
    assert turns_apart(louder, integrate_phases(quiet, before, phases_before, hop=HOP)) < 0.01


@pytest.mark.parametrize("cut", [1, 5, 16, 37])
def test_blocks_go_on_where_the_one_before_ended(cut):
    """Where the magnitudes rest at the cut; else the slope there is that of one side alone."""
    frames = torch.randn(1, 40, 321) - 3
    frames[:, cut] = frames[:, cut - 1]
    if cut + 1 < 40:
        frames[:, cut + 1] = frames[:, cut]
    frames[:, max(cut - 2, 0)] = frames[:, cut - 1]
    start = frames[:, 0], torch.randn(1, 321)
    whole = integrate_phases(frames, *start, hop=HOP)
    first = integrate_phases(frames[:, :cut], *start, hop=HOP)
    second = integrate_phases(frames[:, cut:], frames[:, cut - 1], first[:, -1], hop=HOP)
    assert turns_apart(torch.cat([first, second], dim=1), whole) < 0.02


def test_more_doublings_than_frames_need_change_nothing():
    frames, before, phases = torch.randn(2, 37, 321), torch.randn(2, 321), torch.randn(2, 321)
    needed = integrate_phases(frames, before, phases, hop=HOP)
    assert torch.equal(integrate_phases(frames, before, phases, hop=HOP, num_doublings=14), needed)
    assert turns_apart(integrate_phases(frames, before, phases, hop=HOP, num_doublings=3), needed) > 1


def test_silence_has_finite_phases():
    silence = torch.full((1, 12, 321), -torch.inf)
    assert integrate_phases(silence, silence[:, 0], torch.zeros(1, 321), hop=HOP).isfinite().all()


def test_the_bins_of_a_hill_follow_its_peak():
    heights = torch.nn.functional.avg_pool1d(torch.randn(3, 4, 350), 30, stride=1)
    peaks = _peaks(heights)
    for frame, found in zip(heights.flatten(0, 1).tolist(), peaks.flatten(0, 1).tolist(), strict=True):
        for bin_ in range(0, len(frame), 10):
            at = bin_
            while (top := max(range(max(at - 1, 0), min(at + 2, len(frame))), key=frame.__getitem__)) != at:
                at = top
            assert found[bin_] == at


def head_with_spectrum(log_magnitudes, **settings):
    """A head that is asked for log magnitudes `1 t f` and phases of zero, and the x that asks for them."""
    head = ISTFTHead(321, hop=HOP, **settings)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(642, 321))
        head.project.bias.zero_()
    return head, log_magnitudes.transpose(1, 2)


@torch.no_grad()
def test_a_third_of_the_iterations_from_integrated_phases_are_nearer_than_all_from_zero():
    wanted = log_spectra(glide(16_000))

    def error(**settings):
        head, x = head_with_spectrum(wanted, **settings)
        sound = head.step(x, head.zero_state(1))[0][:, 0]
        late = head.held_frames * HOP
        return (log_spectra(sound[:, late:]).exp() - wanted.exp()[:, : -head.held_frames - 3])[:, 8:-8].square().sum()

    assert error(num_iterations=8, phase_start="gradient") < 0.5 * error(num_iterations=24)


@pytest.mark.parametrize(("start", "iterations"), [("griffin", 8), ("gradient", 0)])
def test_a_start_that_is_none_is_refused(start, iterations):
    with pytest.raises(VqaudioError, match="phase_start must be one of"):
        ISTFTHead(8, hop=40, num_iterations=iterations, phase_start=start)
