import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.corpus import read_codes
from vqaudio.tokens.splits import split_of


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


def test_a_share_that_leaves_nobody_and_missing_codebooks_are_refused(store):
    with pytest.raises(VqaudioError, match=r"data\.validation"):
        read_codes(store, SequenceConfig(), validation=1e-9)
    with pytest.raises(VqaudioError, match="1 codebooks, 2"):
        read_codes(store, SequenceConfig(num_codebooks=2), validation=0.3)
