from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio.checks import SampleChecks
from vqaudio.audio.files import AudioReader, read_audio
from vqaudio.core.errors import VqaudioError

TONE = np.sin(np.arange(16_000) / 7)[:, None].astype(np.float32)


def warnings_of(*blocks: np.ndarray) -> list[str]:
    checks = SampleChecks()
    for block in blocks:
        checks.add(block)
    return checks.warnings()


def test_sound_speech_levels_raise_no_warning():
    for level in (0.001, 0.5, 1.0):
        assert warnings_of((level * TONE).astype(np.float32)) == []


def test_peaks_at_full_scale_are_no_plateaus():
    pairs = np.cos(2 * np.pi * (np.arange(16_000) + 0.5) / 64)  # two equal samples on every peak
    slow = np.cos(2 * np.pi * 20 * np.arange(16_000) / 16_000)  # many samples near full scale, no two equal
    for peaks in (pairs, slow):
        assert warnings_of((0.9999 * peaks)[:, None].astype(np.float32)) == []


@pytest.mark.parametrize("bits", [8, 16])
def test_plateaus_at_full_scale_are_clipping(bits):
    scale = 2 ** (bits - 1)
    clipped = np.clip(np.round(3 * TONE * scale), -scale, scale - 1) / scale
    assert "clipped" in warnings_of(clipped.astype(np.float32))[0]


@pytest.mark.parametrize("run", [1, 2, 3])
def test_full_scale_of_both_signs_is_no_plateau(run):
    """Short runs that jump from one end of the scale to the other: only equal neighbours lie level."""
    square = np.resize(np.repeat([1.0, -1.0], run), 1_000)[:, None].astype(np.float32)
    assert warnings_of(square) == []


@pytest.mark.parametrize("length", [12, 13, 14, 30])
def test_a_plateau_counts_from_its_fourth_sample_on_wherever_it_lies(length):
    """Ten such samples are worth a warning, at either end of a block too."""
    tone, plateau = 0.5 * TONE[:100], np.ones((length, 1), dtype=np.float32)
    wanted = [] if length < 13 else [f"clipped: {length - 3} samples"]
    for blocks in ([tone, plateau], [plateau, tone], [tone, plateau, tone], [plateau]):
        told = warnings_of(np.concatenate(blocks))
        assert [line.split(" (")[0] for line in told] == wanted


@pytest.mark.parametrize("level", [1.0, -1.0, 127 / 128, -0.991])
def test_a_plateau_lies_at_either_end_of_the_scale(level):
    """Of 8-bit files the upper end is 127 / 128."""
    plateau = np.full((30, 1), level, dtype=np.float32)
    assert warnings_of(plateau) == ["clipped: 27 samples (90 %) lie on plateaus at full scale"]
    assert warnings_of(plateau * 0.98) == []


def test_a_share_is_that_of_the_samples_of_all_channels():
    both = np.concatenate([np.ones((30, 1)), np.tile(0.5 * TONE[:30], 2)], axis=1).astype(np.float32)
    assert warnings_of(both) == ["clipped: 27 samples (30 %) lie on plateaus at full scale"]


def test_nothing_warns_of_nothing():
    assert warnings_of() == warnings_of(np.zeros((0, 2), dtype=np.float32)) == []


def test_clipping_of_one_channel_is_seen():
    both = np.concatenate([0.1 * TONE, np.clip(3 * TONE, -1, 1)], axis=1)
    assert "clipped" in warnings_of(both)[0]


def test_zeros_are_digital_silence_unless_one_sample_is_not():
    silence = np.zeros((500, 2), dtype=np.float32)
    assert warnings_of(silence, silence) == ["digital silence: every sample is zero"]
    assert warnings_of(silence, silence + 1e-6) == []


def test_samples_beyond_full_scale_are_counted_and_the_loudest_is_named():
    loud = 0.5 * TONE
    loud[[3, 70], 0] = 4.5, -2.0
    assert warnings_of(loud) == ["2 samples lie beyond [-1, 1], the loudest at 4.5"]
    assert warnings_of(loud, TONE) == warnings_of(TONE, loud) == warnings_of(loud)  # in whatever block it was
    assert warnings_of(np.array([[1.0], [-1.0]], dtype=np.float32)) == []


def test_a_sample_that_is_no_number_is_counted_in_frames_from_the_beginning():
    checks = SampleChecks()
    checks.add(np.zeros((100, 2), dtype=np.float32))
    odd = np.zeros((100, 2), dtype=np.float32)
    odd[7, 1] = np.nan
    with pytest.raises(VqaudioError, match="sample 107 is NaN"):
        checks.add(odd)


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_a_file_with_a_sample_that_is_no_number_is_refused(tmp_path: Path, value, kind):
    samples = np.tile(TONE, (10, 1))
    samples[100_000] = value
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(VqaudioError, match=f"a.wav: sample 100000 is {kind}"):
        read_audio(tmp_path / "a.wav", 8_000)


def test_a_reader_reports_what_its_file_holds(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.clip(3 * TONE, -1, 1), 16_000)
    reader = AudioReader(tmp_path / "a.wav", 8_000, block_s=0.1)
    assert sum(len(block) for block in reader) == 8_000
    assert len(reader.warnings) == 1
    assert reader.warnings[0].startswith("clipped: ")
