from collections import Counter

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.packing import PackedDocuments


@pytest.fixture
def documents(languages):
    generator = np.random.default_rng(0)
    return [languages["single"].document(generator.integers(0, 8, (1, length))) for length in range(3, 30)]


def pack(languages, documents, **options):
    return PackedDocuments(languages["single"], documents, context_tokens=16, **options)


def test_an_epoch_reads_every_token_once_but_for_the_last_cut(languages, documents):
    packed = pack(languages, documents)
    for epoch in (0, 1):
        batch = packed.batch(epoch, packed.num_sequences)
        read, there = Counter(batch.tokens[:, 1:].ravel().tolist()), Counter(np.concatenate(documents).tolist())
        assert (there - read).total() == packed.num_tokens - packed.num_sequences * 16 < 17
        assert not read - there


def test_every_epoch_has_an_order_of_its_own(languages, documents):
    packed = pack(languages, documents)
    epochs = [packed.batch(epoch, packed.num_sequences).tokens for epoch in range(3)]
    assert not any(np.array_equal(one, other) for one, other in zip(epochs, epochs[1:] + epochs[:1], strict=True))


def test_a_sequence_is_made_of_whole_documents_and_two_pieces(languages, documents):
    batch = pack(languages, documents).batch(0, 20)
    known = [one.tolist() for one in documents]
    for tokens, numbers in zip(batch.tokens, batch.documents, strict=True):
        inner = sorted(set(numbers[(numbers != numbers[0]) & (numbers != numbers[-1])].tolist()))
        assert all(tokens[numbers == number].tolist() in known for number in inner)


def test_a_batch_depends_on_seed_and_step_only(languages, documents):
    one, other = pack(languages, documents), pack(languages, documents)
    other.batch(40, 4)
    for step in (0, 9, 30):
        np.testing.assert_array_equal(one.batch(step, 4).tokens, other.batch(step, 4).tokens)
    assert not np.array_equal(one.batch(3, 4).tokens, pack(languages, documents, seed=1).batch(3, 4).tokens)
    size = one.num_sequences
    assert not np.array_equal(one.batch(1, size).tokens, pack(languages, documents, seed=1).batch(0, size).tokens)


def test_an_epoch_starts_anywhere_in_a_document(languages, documents):
    packed, bos = pack(languages, documents), languages["single"].head()[0]
    starts = [packed.batch(epoch, packed.num_sequences).tokens[0, 0] for epoch in range(20)]
    assert 0 <= sum(start == bos for start in starts) < 10


def test_processes_share_a_batch(languages, documents):
    packed = pack(languages, documents)
    whole = packed.batch(5, 6).tokens
    shares = [packed.batch(5, 6, rank, 3).tokens for rank in range(3)]
    np.testing.assert_array_equal(np.stack(shares, axis=1).reshape(6, -1), whole)
    with pytest.raises(VqaudioError, match="divide"):
        packed.batch(0, 5, 0, 2)


@pytest.mark.parametrize("hidden", [0.0, 0.5, 1.0])
def test_speakers_are_hidden_as_often_as_is_wanted(languages, hidden):
    language = languages["flattened"]
    documents = [language.document(np.zeros((3, 2), dtype=np.int64), "ada") for _ in range(300)]
    packed = PackedDocuments(language, documents, context_tokens=32, speaker_dropout=hidden)
    tokens = packed.batch(0, packed.num_sequences).tokens[:, :-1]
    unknown, known = (tokens == language.head(name)[1] for name in (None, "ada"))
    assert abs(unknown.sum() / (unknown | known).sum() - hidden) < 0.1
    assert all(len(one) == 9 and one[1] == language.head("ada")[1] for one in documents)  # they stay as they were


def test_too_few_codes_for_a_context_are_refused(languages, documents):
    with pytest.raises(VqaudioError, match="less than a context"):
        pack(languages, documents[:1])
    language = languages["single"]
    exactly, more = (language.document(np.zeros((1, length), dtype=np.int64)) for length in (14, 15))
    with pytest.raises(VqaudioError, match="16 tokens, less than a context of 16"):
        pack(languages, [exactly])  # the last token has none after it
    assert pack(languages, [more]).num_sequences == 1
