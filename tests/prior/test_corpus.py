from dataclasses import replace

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.corpus import read_codes
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.splits import speaker_share, split_of
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter


def of(documents):
    return {tuple(one.tolist()) for one in documents}


def test_the_speakers_held_out_are_those_that_exports_hold_out(store):
    corpus = read_codes(store, SequenceConfig(), validation=0.3)
    held_out = [row for row in store if split_of(row.speaker, row.id, 0.3) == "validation"]
    assert of(corpus.held_out) == of(corpus.language.document(row.codes) for row in held_out)
    assert len(corpus.train) + len(corpus.held_out) == 40
    assert corpus.num_held_out_speakers == len({row.speaker for row in held_out})
    assert corpus.seconds == pytest.approx(1.2 * len(held_out))


def test_the_second_part_shares_no_speaker_with_the_first(store):
    first, second = (
        read_codes(store, SequenceConfig(), validation=0.3, second=0.4, part=part) for part in ("train", "second")
    )
    assert of(first.held_out) == of(second.held_out)
    assert not of(first.train) & of(second.train)
    assert len(first.train) + len(second.train) + len(first.held_out) == 40
    rows = [row for row in store if 0.3 <= speaker_share(row.speaker, row.id) < 0.7]
    assert of(second.train) == of(second.language.document(row.codes) for row in rows)


def test_bits_count_codes_and_not_their_ends(store):
    corpus = read_codes(store, SequenceConfig(), validation=0.3)
    bits = corpus.bits([np.full(61, -1.0) for _ in corpus.held_out])
    assert bits.per_code == pytest.approx(61 / 60)
    assert bits.per_second == pytest.approx(61 / 1.2)


def test_speakers_of_the_training_part_get_a_token(store):
    corpus = read_codes(store, SequenceConfig(has_speakers=True), validation=0.3)
    unknown = corpus.language.head(None)[1]
    assert all(one[1] != unknown for one in corpus.train)
    assert all(one[1] == unknown for one in corpus.held_out)
    heard = {row.speaker for row in store if split_of(row.speaker, row.id, 0.3) == "train"}
    assert corpus.language.speakers == tuple(sorted(heard))
    assert read_codes(store, SequenceConfig(), validation=0.3).language.speakers == ()


def test_a_share_that_leaves_nobody_and_missing_codebooks_are_refused(store):
    for share in (1e-9, 1 - 1e-9):
        with pytest.raises(VqaudioError, match=r"data\.validation"):
            read_codes(store, SequenceConfig(), validation=share)
    with pytest.raises(VqaudioError, match="1 codebooks, 2"):
        read_codes(store, SequenceConfig(num_codebooks=2), validation=0.3)


@pytest.mark.parametrize(("validation", "second"), [(0.0, 0.0), (1.0, 0.0), (-0.1, 0.0), (0.3, -0.1), (0.3, 0.7)])
def test_shares_that_are_none_or_more_than_all_are_refused(store, validation, second):
    with pytest.raises(VqaudioError, match="wanted shares of speakers between 0 and 1"):
        read_codes(store, SequenceConfig(), validation=validation, second=second)


def test_all_codebooks_are_taken_where_none_are_counted_and_rows_without_frames_are_no_documents(tmp_path):
    stamp = CodecStamp("tiny", "0" * 64, 16_000, 320, 2, 8)
    with TokenWriter(tmp_path, stamp) as writer:
        for number in range(20):
            num_frames = number % 4
            codes = np.full((2, num_frames), number % 8)
            writer.append(TokenRow(f"{number}.wav", codes, 320 * num_frames, 16_000, num_frames / 50))
    store = TokenStore.open(tmp_path)
    corpus = read_codes(store, SequenceConfig(0, "flattened"), validation=0.5)
    assert corpus.language.num_codebooks == 2
    assert len(corpus.train) + len(corpus.held_out) == 15
    held_out = [row for row in store if row.num_samples and split_of(None, row.id, 0.5) == "validation"]
    assert corpus.num_held_out_speakers == len(held_out)  # each may be of somebody else
    assert corpus.seconds == pytest.approx(sum(row.seconds for row in held_out))
    assert read_codes(store, SequenceConfig(1), validation=0.5).language.num_codebooks == 1


def test_a_language_of_codes_has_no_pitch(tmp_path):
    stamp = CodecStamp("tiny", "0" * 64, 16_000, 320, 1, 8)
    codes, pitch = np.zeros((1, 4), dtype=np.uint16), np.ones(4, dtype=np.uint16)
    with TokenWriter(tmp_path, replace(stamp, pitch_steps=32)) as writer:
        for number in range(20):
            writer.append(TokenRow(f"{number}", codes, 1_280, 16_000, 0.08, pitch=pitch, pitch_median_hz=100.0))
    assert read_codes(TokenStore.open(tmp_path), SequenceConfig(), validation=0.5).language.stamp == stamp
