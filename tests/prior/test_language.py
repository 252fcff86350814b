import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import NetworkConfig, SequenceConfig
from vqaudio.prior.language import CodeLanguage, Grammar
from vqaudio.tokens.schema import CodecStamp

STAMPS = [CodecStamp("tiny", "0" * 64, 16_000, 320, books, 8) for books in (1, 2, 3)]


def codes_of(language, num_frames, seed):
    return np.random.default_rng(seed).integers(0, 8, (language.num_codebooks, num_frames))


languages_ = st.builds(CodeLanguage, st.sampled_from(STAMPS), st.sampled_from(["delayed", "flattened", "parallel"]))


def test_of_one_codebook_a_token_is_its_code(languages):
    document = languages["single"].document(np.array([[3, 0, 7]]))
    assert document[1:-1].tolist() == [3, 0, 7]
    assert languages["single"].symbols(document).tolist() == [3, 0, 7, 8]


@given(language=languages_, num_frames=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_document_holds_its_codes(language, num_frames, seed):
    codes = codes_of(language, num_frames, seed)
    units = language.symbols(language.document(codes))[:-1]
    np.testing.assert_array_equal(language.codes(units), codes)


def test_a_speaker_who_is_not_known_is_said_to_be_unknown(languages):
    language = languages["flattened"]
    ada, other = language.head("ada"), language.head("somebody")
    assert ada[0] == other[0]
    assert ada[1] == language.vocabulary.speaker("ada")
    assert other[1] == language.head(None)[1] == language.vocabulary.special("<|unk|>")


@given(language=languages_, num_frames=st.integers(2, 9), seed=st.integers(0, 99))
def test_the_grammar_allows_every_real_document_step_by_step(language, num_frames, seed):
    codes = codes_of(language, num_frames, seed)
    grammar = Grammar(language, min_frames=1, max_frames=99)
    for symbol in language.symbols(language.document(codes)):
        if grammar.is_open:  # of late codebooks the end follows by itself
            assert grammar.allowed()[symbol]
            grammar.push(int(symbol))
    assert not grammar.is_open
    np.testing.assert_array_equal(grammar.codes(), codes)


@given(language=languages_, least=st.integers(1, 5), more=st.integers(0, 5), seed=st.integers(0, 999))
def test_whatever_is_drawn_within_the_grammar_is_codes_of_an_allowed_length(language, least, more, seed):
    generator = np.random.default_rng(seed)
    grammar = Grammar(language, min_frames=least, max_frames=least + more)
    while grammar.is_open:
        grammar.push(int(generator.choice(np.flatnonzero(grammar.allowed()))))
    assert grammar.codes().shape[0] == language.num_codebooks
    assert least <= grammar.codes().shape[1] <= least + more


def test_coarse_first_sequences_and_odd_heads_are_refused():
    with pytest.raises(VqaudioError, match="coarse-first"):
        SequenceConfig(3, "coarse-first")
    with pytest.raises(VqaudioError, match="coarse-first"):
        CodeLanguage(STAMPS[2], "coarse-first")
    with pytest.raises(VqaudioError, match="unknown pattern"):
        SequenceConfig(3, "zigzag")
    for width in (100, 24):  # of eight heads: no whole width, an odd one
        with pytest.raises(VqaudioError, match="heads"):
            NetworkConfig(width=width, num_heads=8)
    with pytest.raises(VqaudioError, match="a context of 7 tokens"):
        NetworkConfig(context_tokens=7)
    assert NetworkConfig(width=16, num_heads=8, context_tokens=8).context_tokens == 8


@pytest.mark.parametrize(("least", "most"), [(0, 3), (4, 3)])
def test_lengths_that_no_sequence_has_are_refused(languages, least, most):
    with pytest.raises(VqaudioError, match="frames at least"):
        Grammar(languages["single"], min_frames=least, max_frames=most)


def test_of_more_codebooks_the_first_are_taken_and_fewer_are_refused(languages):
    language, codes = languages["flattened"], np.arange(10).reshape(5, 2) % 8
    assert language.units(codes).tolist() == language.units(codes[:3]).tolist()
    for wrong in (codes[:2], codes[0]):
        with pytest.raises(VqaudioError, match="3 codebooks or more"):
            language.units(wrong)


def test_a_sequence_may_end_at_its_shortest_length_and_not_before(languages):
    for name in ("single", "delayed"):
        grammar = Grammar(languages[name], min_frames=2, max_frames=3)
        end = -1 if name == "single" else -2  # delayed codebooks end with padding
        may_end = []
        for step in range(3):
            may_end.append(bool(grammar.allowed()[end]))
            for codebook in range(languages[name].num_codebooks):
                grammar.push(8 * codebook if codebook <= step else languages[name].vocabulary.num_codes)
        assert may_end == [False, False, True]
