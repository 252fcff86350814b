"""Opus and Codec2 through their programs; the tests that need a program are skipped where it is missing."""

import shutil
import sys

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.outside_codecs import parse_reference_codec, run_program
from vqaudio.metrics.pitch import compare_pitch

RATE_HZ = 16_000
needs_opus = pytest.mark.skipif(not shutil.which("opusenc"), reason="Debian's opus-tools is not installed")
needs_codec2 = pytest.mark.skipif(not shutil.which("c2enc"), reason="Debian's codec2 is not installed")


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Two seconds of syllables of a gliding voice, of a length that no frame divides."""
    time_s = np.arange(2 * RATE_HZ + 77) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * time_s)) / RATE_HZ
    harmonics = np.sum([np.sin(order * phase) / order for order in range(1, 20)], axis=0)
    return (0.1 * harmonics * np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None)).astype(np.float32)


def envelope_lag(reference: np.ndarray, decoded: np.ndarray) -> int:
    """Samples by which the decoding's 5 ms level contour comes late."""
    first, second = (np.convolve(np.abs(x), np.ones(80), "same") for x in (reference, decoded))
    lags = np.arange(-800, 801, 20)
    matches = [np.corrcoef(first[1000:-1000], np.roll(second, -lag)[1000:-1000])[0, 1] for lag in lags]
    return int(lags[np.argmax(matches)])


@needs_opus
def test_opus_gives_the_same_length_in_time_and_more_rate_comes_closer(voice: np.ndarray) -> None:
    errors, rates = [], []
    for kbps in (6, 24):
        coder = parse_reference_codec(f"opus:{kbps}", RATE_HZ)
        (made,) = coder.reconstruct("a.wav", voice)
        assert made.samples.shape == voice.shape
        assert abs(envelope_lag(voice, made.samples)) <= 20
        errors.append(np.mean((made.samples - voice) ** 2))
        rates.append(coder.rates()[f"{kbps}"].file)
    assert errors[1] < errors[0]
    assert rates[0] > 3
    assert rates[1] > 1.4 * rates[0]


@needs_codec2
@pytest.mark.parametrize(("mode", "kbps"), [("3200", 3.2), ("1300", 1.4), ("700C", 0.8)])
def test_codec2_speaks_in_time_at_the_rate_of_its_files(mode: str, kbps: float, voice: np.ndarray) -> None:
    coder = parse_reference_codec(f"codec2:{mode}", RATE_HZ)
    (made,) = coder.reconstruct("a.wav", voice)
    assert made.samples.shape == voice.shape
    assert abs(envelope_lag(voice, made.samples)) <= 160
    assert coder.rates()[mode].file == pytest.approx(kbps, rel=0.05)  # frames are whole bytes
    if mode == "3200":
        assert compare_pitch(voice, made.samples, RATE_HZ).voicing_error < 0.15
        assert compare_pitch(voice, made.samples[::-1], RATE_HZ).voicing_error > 0.15


@pytest.mark.parametrize(("text", "package"), [("opus:6", "opus-tools"), ("codec2:3200", "codec2")])
def test_a_missing_program_names_its_debian_package(text: str, package: str, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VqaudioError, match=f"apt-get install {package}"):
        parse_reference_codec(text, RATE_HZ)


@pytest.mark.parametrize("text", ["opus", "opus:", "opus:fast", "mp3:128", "opus:5", "codec2:9999"])
def test_coders_that_are_not_there_are_answered_with_what_is(text: str) -> None:
    with pytest.raises(VqaudioError, match=r"opus:6|6 to 256|3200"):
        parse_reference_codec(text, RATE_HZ)


def test_a_program_that_fails_is_reported_with_its_last_words() -> None:
    with pytest.raises(VqaudioError, match=r"status 3: no such luck"):
        run_program(["sh", "-c", "echo no such luck >&2; exit 3"])


CODED = f"""{sys.executable} -c 'import sys, shutil; shutil.copy(sys.argv[1], sys.argv[2])' """


def test_any_command_line_is_a_coder_at_the_rate_of_its_coded_file(voice: np.ndarray) -> None:
    coder = parse_reference_codec(f"copy = {CODED} {{original}} {{coded}} && {CODED} {{coded}} {{decoded}}", RATE_HZ)
    (made,) = coder.reconstruct("a.wav", voice)
    assert coder.name == "copy"
    assert np.abs(made.samples - voice).max() < 1 / 32_000
    assert coder.rates()[made.setting].file == pytest.approx(256, rel=0.01)  # 16 bits at 16 kHz


def test_a_command_without_a_coded_file_has_no_rate(voice: np.ndarray) -> None:
    coder = parse_reference_codec(f"copy={CODED} {{original}} {{decoded}}", RATE_HZ)
    (made,) = coder.reconstruct("a.wav", voice)
    assert coder.rates()[made.setting].file is None


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("x=cat {original}", "does not name {decoded}"),
        ("x=no-such-program {original} {decoded}", "no-such-program of x is not here"),
        ("x=cat '{original} {decoded}", "cannot be read"),
    ],
)
def test_a_command_that_cannot_run_says_why(command: str, said: str) -> None:
    with pytest.raises(VqaudioError, match=said):
        parse_reference_codec(command, RATE_HZ)
