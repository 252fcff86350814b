from collections import Counter

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.ngrams import fit_ngrams
from vqaudio.prior.quality import PhoneMap, first_frames, measure_quality, ngram_kl


@pytest.fixture(scope="module")
def speech(source):
    return [source.draw(500, seed) for seed in range(60)]


def test_the_divergence_of_shares_is_that_of_the_formula():
    one, other = [np.repeat([0, 1], [30_000, 10_000])], [np.repeat([0, 1], [20_000, 20_000])]
    assert ngram_kl(one, other, 2, 1) == pytest.approx(0.75 * np.log2(1.5) + 0.25 * np.log2(0.5), abs=1e-3)
    assert ngram_kl(other, other, 2, 1) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_no_divergence_is_below_zero_and_none_is_smaller_than_that_of_speech_from_itself(speech, order):
    from_itself, from_others = (ngram_kl(speech[:9], reference, 8, order) for reference in (speech[:9], speech[9:]))
    assert 0 <= from_itself < from_others


def test_real_speech_is_nearest_and_a_unigram_sampler_is_told_by_its_bigrams(speech):
    generator = np.random.default_rng(0)
    train = [np.append(one, 8) for one in speech[:20]]
    shuffled = [generator.permutation(one) for one in speech[20:40]]
    bigrams = [
        fit_ngrams(train, 9, 2).sample(np.random.default_rng(seed), min_symbols=500, max_symbols=500)
        for seed in range(20)
    ]
    rows = {
        name: measure_quality(codes, speech[40:], num_codes=8, frame_rate_hz=50.0)
        for name, codes in (("real", speech[20:40]), ("shuffled", shuffled), ("bigram", bigrams))
    }
    assert rows["shuffled"].unigram_kl == pytest.approx(rows["real"].unigram_kl)
    assert rows["shuffled"].bigram_kl > 10 * max(rows["bigram"].bigram_kl, rows["real"].bigram_kl)
    assert rows["shuffled"].run_kl > 3 * rows["real"].run_kl
    assert rows["real"].mean_seconds == 10.0
    assert rows["real"].phone_bigram_kl is None


def test_phones_are_read_without_their_repeats():
    phones = PhoneMap(np.array([0, 0, 1, 2]), 3)
    assert [one.tolist() for one in phones.read([np.array([0, 1, 1, 2, 3, 3, 0])])] == [[0, 1, 2, 0]]


def test_codes_of_one_phone_may_replace_each_other_unseen(speech):
    phones = PhoneMap(np.arange(8) // 2, 4)
    swapped = [one ^ 1 for one in speech[:30]]  # the other code of the same phone
    quality = measure_quality(swapped, speech[:30], num_codes=8, frame_rate_hz=50.0, phone_map=phones)
    assert quality.phone_trigram_kl is not None
    assert quality.phone_trigram_kl < 0.05 < quality.bigram_kl


def test_sets_are_cut_to_one_size():
    codes = [np.arange(5), np.arange(4), np.arange(3)]
    assert [len(one) for one in first_frames(codes, 7)] == [5, 2]
    with pytest.raises(VqaudioError, match="sample more"):
        first_frames(codes, 13)


def test_codes_out_of_range_and_no_codes_are_refused():
    with pytest.raises(VqaudioError, match="0 to 7"):
        ngram_kl([np.array([8])], [np.array([1])], 8, 1)
    with pytest.raises(VqaudioError, match="no sequences"):
        ngram_kl([np.array([1])], [np.array([1, 2])], 8, 2)


def by_hand(samples, reference, num_symbols, order):
    """The formulas of vqaudio.prior.quality, n-gram by n-gram."""

    def counted(codes, length):
        return Counter(tuple(one[at : at + length].tolist()) for one in codes for at in range(len(one) - length + 1))

    def smoothed(ngram):
        counts = counted(reference, len(ngram))
        if len(ngram) == 1:
            return (counts[ngram] + 0.5) / (counts.total() + num_symbols / 2)
        return 0.9 * counts[ngram] / counts.total() + 0.1 * smoothed(ngram[:-1]) * smoothed(ngram[-1:])

    drawn = counted(samples, order)
    return sum(n / drawn.total() * np.log2(n / drawn.total() / smoothed(ngram)) for ngram, n in drawn.items())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_divergences_are_those_of_the_formulas(order):
    samples = [np.array([0, 1, 1, 3]), np.array([2, 2, 2]), np.array([1, 0])]
    reference = [np.array([0, 1, 0, 1, 3, 3]), np.array([2, 0, 1, 1])]
    assert ngram_kl(samples, reference, 4, order) == pytest.approx(by_hand(samples, reference, 4, order), rel=1e-9)


def test_every_figure_of_a_set_is_of_what_its_name_says():
    samples = [np.repeat([0, 1, 3], [40, 2, 1]), np.array([2]), np.array([], dtype=np.int64)]
    reference = [np.repeat([0, 1, 2], [33, 5, 1]), np.array([1, 1, 3, 2, 0])]
    phones = PhoneMap(np.array([0, 1, 1, 0]), 2)
    quality = measure_quality(samples, reference, num_codes=4, frame_rate_hz=25.0, phone_map=phones)
    assert quality.mean_run_frames == pytest.approx((40 + 2 + 1 + 1) / 4)
    assert quality.mean_seconds == pytest.approx(44 / 3 / 25)
    lengths, real = [np.array([32, 2, 1]), np.array([1])], [np.array([32, 5, 1]), np.array([2, 1, 1, 1])]
    assert quality.run_kl == pytest.approx(ngram_kl(lengths, real, 33, 1))
    assert (quality.unigram_kl, quality.bigram_kl) == tuple(ngram_kl(samples, reference, 4, n) for n in (1, 2))
    spoken = phones.read(samples), phones.read(reference)
    found = (quality.phone_unigram_kl, quality.phone_bigram_kl, quality.phone_trigram_kl)
    assert found == tuple(ngram_kl(*spoken, 2, order) for order in (1, 2, 3))


def test_a_set_that_is_cut_keeps_its_beginning():
    codes = [np.arange(5), np.arange(4), np.arange(3)]
    assert [one.tolist() for one in first_frames(codes, 7)] == [[0, 1, 2, 3, 4], [0, 1]]
    assert [one.tolist() for one in first_frames(codes, 5)] == [[0, 1, 2, 3, 4]]
    assert [len(one) for one in first_frames(codes, 12)] == [5, 4, 3]
