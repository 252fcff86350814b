"""Priors of segments: a code, its duration, a code ..."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.corpus import read_codes
from vqaudio.prior.language import LONGEST_FRAMES, CodeLanguage
from vqaudio.prior.sampling import Lengths, SamplingOptions, sample_codes
from vqaudio.prior.saving import open_prior, save_prior
from vqaudio.prior.segment_grammar import SegmentGrammar, grammar_of
from vqaudio.tokens.runs import to_runs
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 1, 8, segments=SegmentSetting())
LANGUAGE = CodeLanguage(STAMP)


def codes_of(num_segments: int, seed: int) -> np.ndarray:
    """Codes `1 t`, some of them for longer than a unit says."""
    generator = np.random.default_rng(seed)
    return np.repeat(generator.integers(0, 8, num_segments), generator.integers(1, 2 * LONGEST_FRAMES, num_segments))[
        None
    ]


def test_a_document_is_the_codes_of_the_segments_and_their_durations():
    document = LANGUAGE.document(np.array([[3, 3, 3, 0, 7, 7]]))
    assert document[1:-1].tolist() == [3, 8 + 2, 0, 8 + 0, 7, 8 + 1]
    assert LANGUAGE.symbols(document)[-1] == LANGUAGE.num_symbols - 1 == 8 + LONGEST_FRAMES
    assert not replace(LANGUAGE, stamp=replace(STAMP, segments=None)).has_durations


@given(st.integers(1, 9), st.integers(0, 99))
def test_the_grammar_allows_every_real_document_step_by_step(num_segments, seed):
    codes = codes_of(num_segments, seed)
    grammar = grammar_of(LANGUAGE, min_frames=1, max_frames=codes.shape[1] + 1)
    for symbol in LANGUAGE.symbols(LANGUAGE.document(codes)):
        assert grammar.is_open
        assert grammar.allowed()[symbol]
        grammar.push(int(symbol))
    assert not grammar.is_open
    np.testing.assert_array_equal(grammar.codes(), codes)


@given(least=st.integers(1, 60), more=st.integers(0, 60), seed=st.integers(0, 999))
def test_whatever_is_drawn_within_the_grammar_is_segments_of_an_allowed_length(least, more, seed):
    generator = np.random.default_rng(seed)
    grammar = SegmentGrammar(LANGUAGE, min_frames=least, max_frames=least + more)
    while grammar.is_open:
        grammar.push(int(generator.choice(np.flatnonzero(grammar.allowed()))))
    codes = grammar.codes()
    assert least <= codes.shape[1] <= least + more
    assert LANGUAGE.units(codes).tolist() == grammar.units  # there is one way to say them


def test_recent_codes_are_those_of_the_last_frames():
    grammar = SegmentGrammar(LANGUAGE, min_frames=1, max_frames=99)
    for unit in LANGUAGE.units(np.array([[1, 1, 2, 2, 2, 3]])):
        grammar.push(int(unit))
    assert [grammar.recent(num_frames) for num_frames in (1, 2, 4, 5, 50)] == [
        [3],
        [3, 2],
        [3, 2],
        [3, 2, 1],
        [3, 2, 1],
    ]


@pytest.mark.parametrize(("least", "most"), [(0, 3), (4, 3)])
def test_lengths_that_no_sequence_has_are_refused(least, most):
    with pytest.raises(VqaudioError, match="frames at least"):
        SegmentGrammar(LANGUAGE, min_frames=least, max_frames=most)


def test_samples_begin_with_the_prompt_and_have_the_length_asked_for(make_prior, tmp_path):
    save_prior(make_prior(LANGUAGE), tmp_path)
    prior, prompt = open_prior(tmp_path), np.array([[5, 5, 5, 1, 2, 3, 4]])
    assert prior.language == LANGUAGE
    for codes in sample_codes(prior, 4, Lengths(30, 40), SamplingOptions(repetition=1.2), prompt=prompt):
        assert codes[:, :7].tolist() == prompt.tolist()
        assert 30 <= codes.shape[1] <= 40


def test_a_corpus_of_segments_counts_a_code_and_its_duration_as_one(store, tmp_path):
    stamp = replace(store.stamp, segments=SegmentSetting())
    with TokenWriter(tmp_path, stamp) as writer:
        for row in store:
            writer.append(row)
    corpus = read_codes(TokenStore.open(tmp_path), SequenceConfig(), validation=0.3)
    assert corpus.seconds == read_codes(store, SequenceConfig(), validation=0.3).seconds
    documents = [corpus.symbols([one])[0] for one in corpus.held_out]
    bits = corpus.bits([np.full(len(one), -1.0) for one in documents])
    assert bits.num_codes == sum(len(to_runs(corpus.language.codes(one[:-1]))[1]) for one in documents)
    assert bits.bits == 2 * bits.num_codes + len(documents)
