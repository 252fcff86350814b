import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.ngrams import count_ngrams, fit_ngrams

END = 8


def with_ends(sequences):
    return [np.append(one, END) for one in sequences]


@pytest.fixture(scope="module")
def speech(source):
    """100 documents of a Markov source to fit on, 10 to test on; each 400 codes and an end."""
    drawn = with_ends(source.draw(400, seed) for seed in range(110))
    return drawn[:100], drawn[100:]


def bits_of(model, documents):
    scores = np.concatenate([model.log2_probabilities(one) for one in documents])
    return -scores.sum() / len(scores)


def test_on_a_markov_source_n_grams_cost_its_entropies(source, speech):
    train, test = speech
    unigram, bigram, trigram = (bits_of(fit_ngrams(train, 9, order), test) for order in (1, 2, 3))
    assert abs(unigram - source.unigram_bits) < 0.05  # and the end, once in 401
    assert abs(bigram - source.entropy_rate_bits) < 0.05
    assert abs(trigram - bigram) < 0.01  # a second symbol back tells nothing
    assert source.unigram_bits - source.entropy_rate_bits > 0.3


@pytest.mark.parametrize("order", [1, 2, 3])
def test_chances_add_up_to_one_after_every_history(speech, order):
    model = fit_ngrams(speech[0][:3], 9, order)
    for history in ([], [3], [3, 5], [7, 7, 7], [0, 8 % 8, 1]):
        chances = model.distribution(history)
        assert (chances > 0).all()
        assert chances.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("is_by_contexts", [False, True])
def test_lower_orders_by_contexts_add_up_too(speech, is_by_contexts):
    from vqaudio.prior.ngrams import NgramModel

    counts = count_ngrams(speech[0][:3], 3, 10, is_by_contexts=is_by_contexts)
    model = NgramModel(9, counts, ((0.5, 0.9, 1.3),) * 3)
    assert model.distribution([2, 4]).sum() == pytest.approx(1, abs=1e-9)


def test_scores_are_the_chances_one_after_the_other(speech):
    model, document = fit_ngrams(speech[0][:5], 9, 3), speech[1][0][:20]
    chances = [model.distribution(document[:place])[symbol] for place, symbol in enumerate(document)]
    np.testing.assert_allclose(model.log2_probabilities(document), np.log2(chances), rtol=1e-9)


def test_an_n_gram_never_reaches_over_the_border_of_a_document():
    counts = count_ngrams([np.array([1, 8]), np.array([2, 8])], 2, 10)[1]
    assert set(counts.keys.tolist()) == {9 * 10 + 1, 18, 9 * 10 + 2, 28}


def test_samples_of_a_bigram_model_have_its_statistics(source, speech):
    model = fit_ngrams(speech[0], 9, 2)
    drawn = with_ends(model.sample(np.random.default_rng(seed), min_symbols=300, max_symbols=300) for seed in range(10))
    assert [len(one) for one in drawn] == [301] * 10
    assert abs(bits_of(model, [one[:-1] for one in drawn]) - source.entropy_rate_bits) < 0.1


def test_too_few_documents_and_too_many_symbols_are_refused(speech):
    with pytest.raises(VqaudioError, match="2 documents"):
        fit_ngrams(speech[0][:1], 9, 2)
    with pytest.raises(VqaudioError, match="64-bit"):
        fit_ngrams(speech[0][:2], 100_000, 4)
    with pytest.raises(VqaudioError, match="64-bit"):
        fit_ngrams(speech[0][:2], 2**21 - 1, 3)  # one more pads the context
    few = [document[:5] for document in speech[0][:2]]
    assert np.isfinite(fit_ngrams(few, 2**21 - 2, 3).log2_probabilities(few[0])).all()


def test_where_context_tells_nothing_longer_n_grams_cost_no_more():
    """The discounts are fitted on documents that the counts of that moment leave out."""
    generator = np.random.default_rng(0)
    drawn = with_ends(generator.integers(0, 8, 60) for _ in range(40))
    one, three = (bits_of(fit_ngrams(drawn[:20], 9, order), drawn[20:]) for order in (1, 3))
    assert three < one + 0.2


def test_the_counts_are_those_of_all_documents(speech):
    documents = speech[0][:11]
    assert fit_ngrams(documents, 9, 1).orders[0].totals.tolist() == [sum(map(len, documents))]
    assert fit_ngrams(documents, 9, 3).orders[2].totals.sum() == sum(map(len, documents))


def test_a_sample_ends_where_the_model_ends_it_between_its_bounds():
    model = fit_ngrams([np.array([1, END])] * 20, 9, 1)
    lengths = {len(model.sample(np.random.default_rng(seed), min_symbols=2, max_symbols=5)) for seed in range(100)}
    assert lengths == {2, 3, 4, 5}
