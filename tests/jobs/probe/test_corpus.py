"""Codes joined with labels: which utterances count, what they are called, and how many frames that are."""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.probe.corpus import NUM_EXAMPLES, UNKNOWN_SPEAKER, join_labels, label_set, rename_labels
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("two", "ab" * 32, 16_000, 320, 2, 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three utterances of a second with labels, one of them without a speaker, and twelve of half one without."""
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        for number in range(15):
            num_frames = 50 if number < 3 else 25
            codes = np.stack([np.full(num_frames, number % 16), np.arange(num_frames) % 16]).astype(np.uint16)
            seconds = num_frames / 50
            speaker = ("ada", "ada", None)[number % 3]
            writer.append(TokenRow(f"u{number:02}.wav", codes, num_frames * 320, 16_000, seconds, speaker))
    (tmp_path / "labels").mkdir()
    for number in range(3):
        (tmp_path / "labels" / f"u{number:02}.phones").write_text("#\n 0.25 1 sil\n 0.5 1 AA1\n 0.75 1 spn\n 1.0 1 T\n")
    return tmp_path


def joined(folder: Path, **options):
    return join_labels(TokenStore.open(folder / "tokens"), folder / "labels", **{"labels": "arpabet-39", **options})


def test_what_has_no_label_or_no_alignment_is_counted(folder: Path) -> None:
    corpus = joined(folder)
    coverage = corpus.coverage
    assert (coverage.num_utterances, coverage.num_speakers, coverage.seconds) == (3, 2, 3.0)
    # Of each second the fourth that is no phone has no label; a frame's centre says whose it is.
    assert (coverage.num_frames, coverage.num_unlabelled_frames) == (3 * 38, 3 * 12)
    assert coverage.num_frames + coverage.num_unlabelled_frames == len(corpus.frames.codes) == 150
    assert coverage.num_skipped == coverage.skipped["missing"] == 12
    assert coverage.num_skipped_frames == 12 * 25
    assert coverage.examples["missing"] == tuple(f"u{number:02}.wav" for number in range(3, 3 + NUM_EXAMPLES))
    assert corpus.frames.speakers == ("ada", "ada", UNKNOWN_SPEAKER)
    assert corpus.frames.labels.names == ("AA", "SIL", "T")
    assert corpus.grid == STAMP.grid


def test_the_codebook_asked_for_is_read_and_no_other(folder: Path) -> None:
    assert np.array_equal(joined(folder).frames.codes, np.repeat([0, 1, 2], 50))
    assert np.array_equal(joined(folder, codebook=1).frames.codes, np.tile(np.arange(50) % 16, 3))
    for wrong in (-1, 2):
        with pytest.raises(VqaudioError, match=f"the store has codebooks 0 to 1, not {wrong}"):
            joined(folder, codebook=wrong)


def test_where_nothing_is_left_the_reasons_are_told(folder: Path) -> None:
    for path in (folder / "labels").iterdir():
        path.write_text("#\n 0.1 1 sil\n")
    with pytest.raises(VqaudioError, match=r"no utterance of .* 0 of 15 .*: missing 12, too little covered 3"):
        joined(folder)


def test_plain_labels_stay_as_they_are_and_a_map_drops_what_is_no_phone() -> None:
    given = {"a": [Interval(" sil ", 0.0, 0.5), Interval("aa1", 0.5, 1.0)], "b": [], "c": [Interval("spn", 0.0, 1.0)]}
    assert rename_labels(given, "plain") == {
        "a": [Interval("sil", 0.0, 0.5), Interval("aa1", 0.5, 1.0)],
        "b": [],
        "c": [Interval("spn", 0.0, 1.0)],
    }
    mapped = rename_labels(given, "arpabet-39")
    assert mapped == {"a": [Interval("SIL", 0.0, 0.5), Interval("AA", 0.5, 1.0)], "b": [], "c": []}
    with pytest.raises(VqaudioError, match=r"no set of labels 'sampa'; there are timit-48, .*, and plain"):
        rename_labels(given, "sampa")
    with pytest.raises(VqaudioError, match=r"'qq' \(1\)"):
        rename_labels({"a": [Interval("qq", 0.0, 1.0)]}, "arpabet-39")


def test_labels_are_sorted_and_pauses_are_known_in_any_case() -> None:
    labels = label_set(["T", "SIL", "h#", "AA", "T", "pau", "sp"])
    assert labels.names == ("AA", "SIL", "T", "h#", "pau", "sp")
    assert labels.silence == {"SIL", "h#", "pau", "sp"}


def test_two_utterances_that_would_share_their_labels_are_refused(tmp_path: Path) -> None:
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        for name in ("s1/a.wav", "s2/a.wav"):
            writer.append(TokenRow(name, np.zeros((2, 50), np.uint16), 16_000, 16_000, 1.0))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.phones").write_text("#\n 1.0 1 AA1\n")
    with pytest.raises(VqaudioError, match=r"s1/a\.wav and s2/a\.wav would both have the alignment 'a'"):
        joined(tmp_path)
