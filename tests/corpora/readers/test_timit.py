"""TIMIT, on a small tree of its true layout with SPHERE files made by hand."""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.audio.files import audio_info, read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.alignments import read_phn
from vqaudio.corpora.readers import timit

SAMPLES = np.arange(-8000, 8000, dtype=np.int16)


def sphere(samples: np.ndarray) -> bytes:
    """A NIST SPHERE file as on the TIMIT disc: 1024 bytes of header, 16-bit samples, low byte first."""
    fields = [
        "NIST_1A\n   1024\ndatabase_id -s5 TIMIT\ndatabase_version -s3 1.0\nutterance_id -s8 cjf0_sa1",
        f"channel_count -i 1\nsample_count -i {len(samples)}\nsample_rate -i 16000",
        f"sample_min -i {samples.min()}\nsample_max -i {samples.max()}\nsample_n_bytes -i 2",
        "sample_byte_format -s2 01\nsample_sig_bits -i 16\nend_head\n",
    ]
    return "\n".join(fields).encode().ljust(1024) + samples.astype("<i2").tobytes()


@pytest.fixture(params=["upper", "lower"])
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    def cased(name: str) -> str:
        return getattr(name, request.param)()

    folder = tmp_path / cased("TIMIT")
    for place in ("TRAIN/DR1/FCJF0", "TEST/DR1/FELC0", "TEST/DR1/FAKS0"):
        speaker = folder / cased(place)
        speaker.mkdir(parents=True)
        for sentence in ("SA1", "SX37"):
            (speaker / cased(f"{sentence}.WAV")).write_bytes(sphere(SAMPLES))
            (speaker / cased(f"{sentence}.PHN")).write_text("0 8000 h#\n8000 16000 sh\n")
            (speaker / cased(f"{sentence}.WRD")).write_text("8000 16000 she\n")
            (speaker / cased(f"{sentence}.TXT")).write_text("0 16000 She had your dark suit.\n")
        (speaker / f"{cased('SA1.WAV')}.wav").write_bytes(b"")  # a copy made by a conversion script
    return folder


def test_both_cases_give_the_same_ids_speakers_and_texts(root: Path) -> None:
    found = list(timit.utterances(root))
    speakers = [one.speaker for one in found]
    assert speakers == ["FCJF0", "FCJF0", "FAKS0", "FAKS0", "FELC0", "FELC0"]  # train before test
    assert [one.id for one in found][:2] == ["FCJF0_SA1", "FCJF0_SX37"]
    assert {one.text for one in found} == {"She had your dark suit."}
    assert list(timit.utterances(root.parent)) == found


def test_splits_share_no_speaker_and_the_core_test_set_lies_in_test(root: Path) -> None:
    train, test, core = (
        {one.id for one in timit.utterances(root, split=name)} for name in ("train", "test", "core-test")
    )
    assert train == {"FCJF0_SA1", "FCJF0_SX37"}
    assert core == {"FELC0_SA1", "FELC0_SX37"} < test
    assert len(timit.CORE_TEST_SPEAKERS) == 24
    assert sum(name[0] == "F" for name in timit.CORE_TEST_SPEAKERS) == 8


def test_the_sentences_that_all_speakers_read_can_be_left_out(root: Path) -> None:
    assert {one.id[-4:] for one in timit.utterances(root, has_dialect_sentences=False)} == {"SX37"}


def test_sphere_recordings_are_read_bit_for_bit_and_their_phones_end_with_them(root: Path) -> None:
    one = next(iter(timit.utterances(root, split="train")))
    assert np.array_equal(read_audio(one.path) * 32_768, SAMPLES)
    phones = read_phn(timit.alignment_path(one.path))
    info = audio_info(one.path)
    assert phones == [Interval("h#", 0, 0.5), Interval("sh", 0.5, info.num_samples / info.sample_rate_hz)]
    assert read_phn(timit.alignment_path(one.path, ".wrd")) == [Interval("she", 0.5, 1.0)]


def test_errors_name_the_splits_or_the_file(root: Path) -> None:
    with pytest.raises(VqaudioError, match="splits train, test and core-test, got 'dev'"):
        list(timit.utterances(root, split="dev"))
    with pytest.raises(VqaudioError, match="is not TIMIT"):
        list(timit.utterances(next(root.iterdir())))
    one = next(iter(timit.utterances(root, split="train")))
    timit.alignment_path(one.path).unlink()
    with pytest.raises(VqaudioError, match=r"no \.phn file beside"):
        timit.alignment_path(one.path)
    timit.alignment_path(one.path, ".txt").write_text("0 sixteen She had\n")
    with pytest.raises(VqaudioError, match="wanted `first_sample end_sample sentence`"):
        list(timit.utterances(root))
