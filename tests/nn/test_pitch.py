"""Harmonics where they belong, at their time."""

import pytest
import torch

from vqaudio.nn.pitch import PitchConditioning, PitchTrack, _triangles, harmonics, spectrum_f0

BINS_HZ = torch.arange(321) * 25.0


@pytest.mark.parametrize("f0_hz", [100.0, 137.5, 250.0, 380.0])
def test_harmonics_stand_at_multiples_of_f0_and_nowhere_else(f0_hz: float) -> None:
    shape = harmonics(BINS_HZ, torch.tensor([[f0_hz]]), 25.0)[0, 0]
    assert shape.isfinite().all()
    assert float(shape.mean()) == pytest.approx(0, abs=1e-4)
    distance = (BINS_HZ / f0_hz - (BINS_HZ / f0_hz).round().clamp(min=1)).abs() * f0_hz
    at, between = shape[distance < 10], shape[(distance > 40) & (f0_hz < BINS_HZ)]
    assert at.min() > between.max() + 0.5 if len(between) else at.min() > 0
    assert float(shape[0]) == pytest.approx(float(shape.min()), abs=0.3)  # nothing at 0 Hz


def test_harmonics_are_those_of_pulses_under_the_window() -> None:
    f0_hz, rate_hz, n_fft = 160.0, 16_000, 640
    pulses = torch.zeros(n_fft)
    pulses[:: int(rate_hz / f0_hz)] = 1.0
    spectrum = torch.fft.rfft(pulses * torch.hann_window(n_fft)).abs().clamp(min=1e-3).log()
    shape = harmonics(BINS_HZ, torch.tensor([[f0_hz]]), 25.0)[0, 0]
    both = torch.stack([spectrum[5:300], shape[5:300]])
    assert float(torch.corrcoef(both)[0, 1]) > 0.9


def test_f0_stands_in_the_middle_of_each_spectrum() -> None:
    # Two spectra a frame: the first lies between frame 0 and 1, the second under frame 1.
    f0_hz, voiced = spectrum_f0(torch.tensor([[100.0, 400.0, 0.0, 0.0, 50.0]]), 2)
    torch.testing.assert_close(f0_hz[0, :3], torch.tensor([200.0, 400.0, 400.0]))
    torch.testing.assert_close(voiced[0], torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0, 0.0]))
    f0_hz, voiced = spectrum_f0(torch.tensor([[100.0, 100.0, 400.0]]), 1)  # one spectrum of four frames
    assert (float(f0_hz[0, 0]), float(voiced[0, 0])) == (pytest.approx(200.0), 1.0)


def test_shares_of_the_bands_add_up_to_one_in_every_bin() -> None:
    torch.testing.assert_close(_triangles(BINS_HZ).sum(0), torch.ones(321))


def test_a_share_of_the_recordings_gets_no_pitch_in_training_and_none_else() -> None:
    pitch = PitchConditioning(8, width=4, sample_rate_hz=16_000, n_fft=640, upsampling=2, dropout=0.3)
    track = PitchTrack(torch.ones(2_000, 3, dtype=torch.int64), torch.full((2_000, 3), 100.0))
    heard = pitch.train().drop_out(track)
    is_dropped = (heard.codes == pitch.none_given).all(dim=1)
    assert 0.25 < is_dropped.float().mean() < 0.35
    assert (heard.f0_hz[is_dropped] == 0).all()
    torch.testing.assert_close(heard.f0_hz[~is_dropped], track.f0_hz[~is_dropped])
    assert pitch.eval().drop_out(track) is track
    without = pitch.without(2, 3)
    assert (without.codes == pitch.none_given).all()
    assert (without.f0_hz == 0).all()
