import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.audio.files import (
    CHUNK_VALUES,
    AudioReader,
    audio_info,
    read_audio,
    read_blocks,
    write_audio,
    write_blocks,
)
from vqaudio.audio.opening import ForwardFile
from vqaudio.core.errors import VqaudioError


def noise(num_samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (num_samples, channels)).astype(np.float32)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "stereo.wav"
    soundfile.write(path, noise(150_001, channels=2), 44_100, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def variable_mp3(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "variable.mp3"
    # A sweep with bursts of noise: the size of its frames varies, and seeking in it lands elsewhere.
    is_burst = np.arange(4 * 44_100) % 44_100 < 11_025
    sweep = 0.3 * np.sin(np.cumsum(np.linspace(0.01, 1.0, len(is_burst))))
    sound = sweep[:, None] + 0.2 * is_burst[:, None] * noise(len(is_burst), channels=1)
    with soundfile.SoundFile(path, "w", 44_100, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.2) as out:
        out.write(sound)
    return path


@given(block_s=st.floats(0.001, 4.0), rate_hz=st.sampled_from([8_000, 16_000, 24_000, 44_100]))
def test_blocks_of_any_length_are_the_whole_file_bit_for_bit(stereo, block_s, rate_hz):
    blocks = list(read_blocks(stereo, rate_hz, block_s))
    assert np.array_equal(np.concatenate(blocks), read_audio(stereo, rate_hz))
    assert {len(block) for block in blocks[:-1]} <= {max(1, round(block_s * rate_hz))}


def test_an_mp3_of_variable_rate_is_read_as_in_one_piece(variable_mp3):
    in_one = soundfile.read(variable_mp3, frames=10**7, dtype="float32")[0]
    assert np.array_equal(read_audio(variable_mp3, 44_100), in_one)


@pytest.mark.parametrize("name", ["stereo", "variable_mp3"])
def test_a_stretch_is_a_slice_of_the_whole(name, request):
    path = request.getfixturevalue(name)
    whole = read_audio(path, 44_100)
    assert np.array_equal(read_audio(path, 44_100, 1.0, 2.5), whole[44_100 : 44_100 * 5 // 2])
    assert np.array_equal(read_audio(path, 44_100, 3.0, 1_000.0), whole[3 * 44_100 :])


@given(times=st.lists(st.floats(0, 3.4), min_size=1, max_size=4))
def test_neighbouring_stretches_are_the_whole_without_a_gap(stereo, times):
    edges = [*sorted({0.0, *times}), None]
    parts = [read_audio(stereo, 44_100, start, end) for start, end in itertools.pairwise(edges)]
    whole = read_audio(stereo, 44_100)
    for part, start in zip(parts, edges, strict=False):
        at = round(start * 44_100)
        assert np.array_equal(part, whole[at : at + len(part)])
    too_short = sum(len(part) == 1 for part in parts)  # less than half a sample is one sample too
    assert 0 <= sum(map(len, parts)) - len(whole) <= too_short


def test_a_damaged_place_is_told_from_the_files_beginning(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(192_000), 16_000)
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4 : len(content) * 3 // 4 + 200] = bytes(200)
    path.write_bytes(content)
    for start_s in (0.0, 3.0):
        with pytest.raises(VqaudioError, match="damaged after") as caught:
            read_audio(path, 16_000, start_s)
        told_s = float(str(caught.value).split("after ")[1].split(" s")[0])
        assert 9 - CHUNK_VALUES / 16_000 - 0.3 <= told_s <= 9  # whole chunks were read before


def test_files_of_many_channels_are_read_in_smaller_chunks(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", noise(50_000, channels=4), 16_000)
    sizes, read = [], ForwardFile.read
    monkeypatch.setattr(
        ForwardFile, "read", lambda self, frames, **how: sizes.append(frames) or read(self, frames, **how)
    )
    assert len(read_audio(tmp_path / "a.wav")) == 50_000
    assert max(sizes) == CHUNK_VALUES // 4


def test_blocks_are_half_a_minute_where_nothing_else_is_said(stereo):
    assert AudioReader(stereo).block_s == 30.0


def test_a_suffix_in_capitals_is_a_wav_too(tmp_path):
    write_audio(tmp_path / "A.WAV", np.zeros(3), 16_000)
    assert len(read_audio(tmp_path / "A.WAV")) == 3


@pytest.mark.parametrize(("rate_hz", "block_s"), [(0, 1.0), (-1, 1.0), (16_000, 0.0), (16_000, float("nan"))])
def test_a_rate_or_a_block_of_nothing_is_refused(stereo, rate_hz, block_s):
    with pytest.raises(VqaudioError, match="wanted a rate and a block above 0"):
        AudioReader(stereo, rate_hz, block_s)


def test_the_shortest_block_is_one_sample(stereo):
    blocks = list(AudioReader(stereo, 44_100, 1e-9, start_s=3.4, end_s=3.401))
    assert {len(block) for block in blocks} == {1}
    assert np.array_equal(np.concatenate(blocks), read_audio(stereo, 44_100, 3.4, 3.401))


def test_a_report_is_of_the_reading_that_ended_last(stereo):
    reader = AudioReader(stereo, 16_000, block_s=0.5)
    for _ in range(2):
        again = iter(reader)
        next(again)
        with pytest.raises(VqaudioError, match="iterate"):
            _ = reader.report
        assert sum(map(len, again)) + 8_000 == reader.num_samples


def test_a_format_that_cannot_seek_is_cut_by_reading(tmp_path):
    path = tmp_path / "phone.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(16_000) / 5), 8_000, subtype="GSM610")
    whole = read_audio(path, 8_000)
    assert np.array_equal(read_audio(path, 8_000, 0.5, 1.0), whole[4_000:8_000])


def test_channels_are_averaged(tmp_path):
    path, both = tmp_path / "a.wav", noise(999, channels=6)
    soundfile.write(path, both, 16_000, subtype="FLOAT")
    assert read_audio(path) == pytest.approx(both.mean(axis=1), abs=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_a_tone_keeps_its_pitch_level_and_place_at_another_rate(tmp_path, rate_hz):
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz), rate_hz, subtype="FLOAT")
    samples = read_audio(path, 16_000)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(samples) == 16_000
    assert samples[1_000:-1_000] == pytest.approx(wanted[1_000:-1_000], abs=2e-4)


def test_one_sample_at_any_rate_is_one_sample(tmp_path):
    for rate_hz in (16_000, 44_100, 192_000):
        soundfile.write(tmp_path / "one.wav", np.array([0.5]), rate_hz)
        assert read_audio(tmp_path / "one.wav", 16_000).shape == (1,)


def test_sixteen_bit_samples_survive_writing_and_reading(tmp_path):
    every = np.arange(-32_768, 32_768, dtype=np.int16)
    write_audio(tmp_path / "a.wav", (every / 32_768).astype(np.float32), 16_000)
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], every)
    assert np.array_equal(read_audio(tmp_path / "a.wav") * 32_768, every)


def test_what_is_louder_than_full_scale_is_clipped_not_wrapped(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([2.0, -2.0, 1.0]), 16_000)
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [32_767, -32_768, 32_767]


def test_a_tensor_with_a_channel_axis_is_written_as_it_is(tmp_path):
    torch = pytest.importorskip("torch")
    samples = torch.linspace(-0.9, 0.9, 100, requires_grad=True)[None]
    write_audio(tmp_path / "a.wav", samples, 16_000)
    assert read_audio(tmp_path / "a.wav") == pytest.approx(samples[0].detach().numpy(), abs=1 / 32_768)


def test_writing_in_blocks_gives_the_same_file(tmp_path):
    samples = noise(10_000)[:, 0]
    write_audio(tmp_path / "whole.wav", samples, 16_000)
    write_blocks(tmp_path / "blocks.wav", [samples[:1], samples[1:7_000], samples[7_000:]], 16_000)
    assert (tmp_path / "whole.wav").read_bytes() == (tmp_path / "blocks.wav").read_bytes()


@pytest.mark.parametrize(
    ("name", "samples", "said"),
    [
        ("a.flac", np.zeros(3), "ends in .wav"),
        ("a.wav", np.array([np.inf]), "infinity"),
        ("a.wav", np.zeros((1, 1, 3)), "mono"),
        ("a.wav", np.zeros((2, 3)), "mono"),
        ("a.wav", np.array([np.nan]), "NaN"),
        ("missing/a.wav", np.zeros(3), "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, samples, said):
    with pytest.raises(VqaudioError, match=said):
        write_audio(tmp_path / name, samples, 16_000)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_finished_does_not_take_the_place_of_the_old_one(tmp_path):
    def broken():
        yield np.zeros(100)
        raise RuntimeError

    write_audio(tmp_path / "a.wav", np.ones(5), 16_000)
    with pytest.raises(RuntimeError):
        write_blocks(tmp_path / "a.wav", broken(), 16_000)
    assert len(read_audio(tmp_path / "a.wav")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_the_header_tells_rate_channels_and_length(stereo):
    info = audio_info(stereo)
    assert (info.sample_rate_hz, info.num_channels, info.num_samples) == (44_100, 2, 150_001)


def test_after_the_last_block_the_reader_knows_what_it_read(stereo):
    reader = AudioReader(stereo, 16_000, block_s=0.7)
    with pytest.raises(VqaudioError, match="iterate"):
        _ = reader.report
    assert sum(len(block) for block in reader) == reader.num_samples == round(150_001 * 16_000 / 44_100)
    assert (reader.source_rate_hz, reader.report.source_samples, reader.report.num_channels) == (44_100, 150_001, 2)
    assert reader.warnings == []


@pytest.mark.parametrize(
    ("start_s", "end_s", "said"),
    [
        (0.0, 3.41, []),  # the file has 3.4014 s
        (1.0, 3.4, []),
        (1.0, None, []),
        (1.0, 3.45, ["incomplete: the segment ends at 3.45 s, the file at 3.40 s"]),
        (0.0, 9.0, ["incomplete: the segment ends at 9.00 s, the file at 3.40 s"]),
    ],
)
def test_a_segment_that_goes_beyond_the_file_is_told_unless_its_times_were_rounded(stereo, start_s, end_s, said):
    reader = AudioReader(stereo, 16_000, start_s=start_s, end_s=end_s)
    assert sum(map(len, reader)) == reader.num_samples
    assert reader.warnings == said


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (2.0, 1.0), (0.0, 0.0), (float("nan"), None)])
def test_a_stretch_that_ends_before_it_starts_is_refused(stereo, start_s, end_s):
    with pytest.raises(VqaudioError, match="start_s"):
        read_audio(stereo, 16_000, start_s, end_s)


def test_a_stretch_beyond_the_end_is_refused(stereo):
    with pytest.raises(VqaudioError, match="ends before"):
        read_audio(stereo, 16_000, 100.0)


@pytest.mark.parametrize(
    "name",
    ["-dash.wav", "naïve 語音 🎤.wav", "%41 percent.wav", "a\nb.wav", "quote's \".wav", "UPPER.WAV", "no_suffix"],
)
def test_any_file_name_is_read(tmp_path, monkeypatch, name):
    soundfile.write(tmp_path / name, noise(100), 16_000, format="WAV")
    monkeypatch.chdir(tmp_path)
    assert len(read_audio(name)) == len(read_audio(tmp_path / name)) == 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows names that are not Unicode")
def test_a_file_name_that_is_not_unicode_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(100), 16_000)
    odd = (tmp_path / "a.wav").rename(str(tmp_path / "caf\udce9.wav"))
    assert len(read_audio(odd)) == 100


def test_reading_loads_no_torch():
    code = "import sys, vqaudio.audio.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def refuse(self, data):
        raise soundfile.LibsndfileError(2)  # all that libsndfile says then is "System error"

    monkeypatch.setattr(soundfile.SoundFile, "write", refuse)
    with pytest.raises(VqaudioError, match=r"a\.wav cannot be written: the disk of .* took no more; .* GB are free"):
        write_audio(tmp_path / "a.wav", np.zeros(100), 16_000)
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, signal, sys
import numpy as np
from vqaudio.audio.files import write_audio
from vqaudio.core.errors import VqaudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write_audio(sys.argv[1], np.zeros(1_000_000), 16_000)
except VqaudioError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
def test_a_disk_that_takes_no_more_leaves_no_half_file(tmp_path, project_root):
    call = [sys.executable, "-c", LIMITED, str(tmp_path / "a.wav")]
    done = subprocess.run(call, cwd=project_root, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "took no more" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_reason_why_a_folder_takes_no_file_is_the_systems_own(tmp_path):
    with pytest.raises(VqaudioError, match=r"a\.wav cannot be written: No such file or directory"):
        write_audio(tmp_path / "missing" / "a.wav", np.zeros(3), 16_000)
