import math

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.prior import scoring
from vqaudio.prior.scoring import Bits, log2_probabilities, symbols_of


def documents_of(language, lengths, seed=0):
    generator = np.random.default_rng(seed)
    return [language.document(generator.integers(0, 8, (language.num_codebooks, length))) for length in lengths]


@pytest.mark.parametrize("name", ["single", "delayed", "flattened"])
def test_a_prior_that_knows_nothing_pays_log2_of_the_symbols_for_each(make_prior, languages, name):
    prior = make_prior(languages[name], spread=0.0)
    scores = log2_probabilities(prior, documents_of(languages[name], [3, 6]))
    assert len(scores[1]) == len(languages[name].symbols(documents_of(languages[name], [6])[0]))
    for one in scores:
        np.testing.assert_allclose(one, -math.log2(languages[name].num_symbols), rtol=1e-6)


def test_scores_do_not_depend_on_what_stands_in_the_batch(prior, monkeypatch):
    documents = documents_of(prior.language, [9, 2, 14, 5])
    together = log2_probabilities(prior, documents)
    monkeypatch.setattr(scoring, "BATCH_TOKENS", 1)
    for one, alone in zip(together, log2_probabilities(prior, documents), strict=True):
        np.testing.assert_allclose(one, alone, atol=1e-5)


@pytest.mark.parametrize("is_training", [True, False])
def test_scoring_drops_nothing_out_and_leaves_the_prior_as_it_was(make_prior, languages, is_training):
    prior = make_prior(languages["single"]).train(is_training)
    documents = documents_of(prior.language, [9, 5])
    scores = log2_probabilities(prior, documents)
    assert all(module.training == is_training for module in prior.modules())
    for one, again in zip(scores, log2_probabilities(prior.eval(), documents), strict=True):
        np.testing.assert_array_equal(one, again)


def test_scores_are_those_of_the_network_read_once(prior):
    (document,) = documents_of(prior.language, [9])
    tokens = torch.from_numpy(document)[None]
    symbols = prior.language.symbols(document)
    wanted = prior(tokens).double().log_softmax(dim=-1)[0, :-1].gather(1, torch.from_numpy(symbols)[:, None])
    np.testing.assert_allclose(log2_probabilities(prior, [document])[0], wanted[:, 0] / math.log(2), atol=1e-6)


def test_every_symbol_of_a_long_document_sees_half_a_context_or_more(prior):
    (document,) = documents_of(prior.language, [70])
    context, scores = prior.config.context_tokens, log2_probabilities(prior, [document])[0]
    tokens = torch.from_numpy(document)[None]
    for place in (context, 40, 70):
        starts = range(max(0, place - context + 1), place - context // 2 + 1)
        near = [
            float(
                prior(tokens[:, start : place + 1])[0, -1]
                .double()
                .log_softmax(-1)[symbols_of(prior, tokens)[0, place + 1]]
            )
            for start in starts
        ]
        assert min(abs(one / math.log(2) - scores[place]) for one in near) < 1e-5


def test_bits_are_counted_over_codes_and_seconds():
    bits = Bits.of([np.array([-2.0, -1.0]), np.array([-3.0])], num_codes=2, seconds=0.5)
    assert (bits.per_code, bits.per_second) == (3.0, 12.0)
    for num_codes, seconds in ((0, 0.0), (0, 1.0), (1, 0.0)):
        with pytest.raises(VqaudioError, match="no codes"):
            Bits.of([], num_codes=num_codes, seconds=seconds)


def test_documents_are_read_together_as_far_as_memory_goes_each_once():
    lengths = [3_000, 10, 9_000, 2_500, 2_500, 10, 4_000]
    batches = list(scoring._batches(lengths))
    assert sorted(number for batch in batches for number in batch) == list(range(7))
    sizes = [(len(batch), max(lengths[number] for number in batch)) for batch in batches]
    assert sizes == [(1, 9_000), (2, 4_000), (3, 2_500), (1, 10)]


def test_tokens_of_a_head_are_never_a_target(make_prior, languages):
    language = languages["flattened"]
    document = torch.from_numpy(language.document(np.ones((3, 2), dtype=np.int64), "ada"))
    assert symbols_of(make_prior(language), document[None])[0].tolist() == [-100, -100, 1, 9, 17, 1, 9, 17, 24]
