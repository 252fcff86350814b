import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.language import Grammar
from vqaudio.prior.sampling import Lengths, Reader, SamplingOptions, chances_of, draw, sample_codes

LENGTHS = Lengths(20, 24)  # longer than the context of 16


def same(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["single", "delayed", "flattened"])
def test_a_cache_changes_nothing(make_prior, languages, name):
    prior = make_prior(languages[name])
    with_it, without = (sample_codes(prior, 3, LENGTHS, seed=1, has_cache=has_cache) for has_cache in (True, False))
    assert same(with_it, without)
    assert all(20 <= one.shape[1] <= 24 and len(one) == languages[name].num_codebooks for one in with_it)


def test_the_same_seed_gives_the_same_codes_and_another_gives_others(prior):
    assert same(sample_codes(prior, 2, LENGTHS, seed=3), sample_codes(prior, 2, LENGTHS, seed=3))
    assert not same(sample_codes(prior, 2, LENGTHS, seed=3), sample_codes(prior, 2, LENGTHS, seed=4))
    first, second = sample_codes(prior, 2, LENGTHS, seed=3)
    assert not np.array_equal(first, second)


def test_sample_number_two_is_not_that_of_the_next_seed(prior):
    assert not np.array_equal(sample_codes(prior, 2, LENGTHS, seed=3)[1], sample_codes(prior, 1, LENGTHS, seed=4)[0])


def test_sample_number_two_is_the_same_however_many_are_asked_for(prior):
    assert same(sample_codes(prior, 5, LENGTHS, seed=3)[:2], sample_codes(prior, 2, LENGTHS, seed=3))


@pytest.mark.parametrize(
    "options", [SamplingOptions(top_k=1), SamplingOptions(temperature=0), SamplingOptions(top_p=1e-9)]
)
def test_from_the_likeliest_alone_the_argmax_is_taken(prior, options):
    language = prior.language
    tokens = language.head()
    while len(tokens) < 1 + 12:
        logits = prior(torch.from_numpy(tokens)[None])[0, -1, :-1]  # before the shortest length there is no end
        tokens = np.append(tokens, int(logits.argmax()))
    (drawn,) = sample_codes(prior, 1, Lengths(12, 12), options)
    assert drawn[0].tolist() == tokens[1:].tolist()


@pytest.mark.parametrize("name", ["single", "delayed", "flattened"])
def test_samples_begin_with_the_prompt(make_prior, languages, name):
    language = languages[name]
    prompt = np.random.default_rng(0).integers(0, 8, (language.num_codebooks, 6))
    late = language.num_codebooks - 1 if name == "delayed" else 0
    for codes in sample_codes(make_prior(language), 2, Lengths(9, 12), prompt=prompt):
        for codebook in range(language.num_codebooks):
            known = 6 - (codebook if late else 0)
            np.testing.assert_array_equal(codes[codebook, :known], prompt[codebook, :known])
        assert 9 <= codes.shape[1] <= 12


def test_samples_follow_the_chances_of_the_network(prior):
    tokens = prior.language.head()
    logits = prior(torch.from_numpy(tokens)[None])[0, -1, :-1].double()
    drawn = sample_codes(prior, 2000, Lengths(1, 1))
    shares = np.bincount([int(one[0, 0]) for one in drawn], minlength=8) / 2000
    np.testing.assert_allclose(shares, logits.softmax(-1).numpy(), atol=0.04)


@given(
    scores=st.lists(st.floats(-5, 5), min_size=2, max_size=9),
    top_k=st.integers(0, 9),
    top_p=st.floats(0.05, 1),
    temperature=st.floats(0.1, 3),
)
def test_top_k_and_top_p_keep_the_likeliest_and_enough_of_them(scores, top_k, top_p, temperature):
    given_scores = np.array(scores)
    chances = chances_of(given_scores, SamplingOptions(temperature, top_k, top_p))
    whole = chances_of(given_scores, SamplingOptions(temperature))
    kept = chances > 0
    assert chances.sum() == pytest.approx(1)
    assert kept.sum() <= (top_k or 9)
    assert whole[kept].min() >= whole[~kept].max(initial=0) - 1e-12
    if not top_k:
        assert whole[kept].sum() >= top_p - 1e-9
        assert kept.sum() == 1 or whole[kept].sum() - whole[kept].min() < top_p + 1e-9


def test_a_penalty_makes_repeated_codes_rarer(prior):
    num_different = [
        np.mean([len(set(one[0].tolist())) for one in sample_codes(prior, 20, Lengths(12, 12), options)])
        for options in (SamplingOptions(), SamplingOptions(repetition=3.0))
    ]
    assert num_different[1] > num_different[0] + 0.5


def test_what_counts_as_repeated_lies_within_fifty_frames_of_all_codebooks(languages):
    grammar = Grammar(languages["flattened"], min_frames=1, max_frames=100)
    for frame in range(60):
        for codebook in range(3):
            grammar.push(8 * codebook + {5: 1, 20: 2}.get(frame, 0))  # code 1 is 55 frames old, code 2 is 40
    scores = np.full(languages["flattened"].num_symbols, np.log(0.01))
    scores[1], scores[2] = np.log(0.4), np.log(0.5)
    drawn = draw(scores, grammar, SamplingOptions(temperature=0.0, repetition=3.0), np.random.default_rng(0))
    assert drawn == 1


def test_past_its_context_a_reader_goes_on_from_the_newer_half(prior):
    reader, tokens = Reader(prior), np.random.default_rng(1).integers(0, 8, (1, 17))
    reader.read(tokens[:, :16])
    near = prior(torch.from_numpy(tokens[:, -8:]))[:, -1].double().log_softmax(-1)
    np.testing.assert_allclose(reader.read(tokens[:, 16:]), near, atol=1e-5)


def test_an_unknown_speaker_a_long_prompt_and_odd_options_are_refused(prior):
    with pytest.raises(VqaudioError, match="does not know the speaker"):
        sample_codes(prior, 1, LENGTHS, speaker="nobody")
    with pytest.raises(VqaudioError, match="more seconds"):
        sample_codes(prior, 1, LENGTHS, prompt=np.zeros((1, 24), dtype=np.int64))
    assert sample_codes(prior, 1, LENGTHS, prompt=np.zeros((1, 23), dtype=np.int64))[0].shape[1] in (23, 24)


@pytest.mark.parametrize(
    "options",
    [{"temperature": -0.1}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.01}, {"repetition": 0.0}, {"repetition": -1.0}],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(VqaudioError, match="top-p above 0 and at most 1"):
        SamplingOptions(**options)


def test_without_options_nothing_is_changed_and_at_their_ends_they_are_taken():
    assert SamplingOptions() == SamplingOptions(temperature=1.0, top_k=0, top_p=1.0, repetition=1.0)
    assert SamplingOptions(temperature=0.0, repetition=0.5).temperature == 0.0
