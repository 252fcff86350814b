"""Ids of tokens: each has one name, and every part begins where the one before ends."""

import numpy as np
import pytest

from vqaudio.tokens.vocabulary import NUM_BYTES, SPECIALS, Vocabulary, expand

VOCABULARIES = [
    Vocabulary(8),
    Vocabulary(
        8, has_pad=True, merges=((0, 1), (8, 7, 0)), has_bytes=True, speakers=("ada", "bob/1", "é|"), offset=100
    ),
    Vocabulary(8, has_pad=True, speakers=("ada",)),
    Vocabulary(8, merges=((2, 2),), has_bytes=True, speakers=("ada", "bob")),
]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_every_id_has_the_name_of_what_it_stands_for(vocabulary):
    def name(token: int) -> str:
        return vocabulary.names[token - vocabulary.offset]

    assert [name(vocabulary.offset + code) for code in range(8)] == [f"<|s_{code}|>" for code in range(8)]
    assert [name(vocabulary.special(special)) for special in SPECIALS] == list(SPECIALS)
    if vocabulary.has_bytes:
        names = [name(vocabulary.byte(value)) for value in range(NUM_BYTES)]
        assert names == [f"<|byte_{value:02x}|>" for value in range(NUM_BYTES)]
    quoted = {"ada": "ada", "bob": "bob", "bob/1": "bob%2F1", "é|": "%C3%A9%7C"}
    assert [name(vocabulary.speaker(who)) for who in vocabulary.speakers] == [
        f"<|speaker_{quoted[who]}|>" for who in vocabulary.speakers
    ]
    assert len(set(vocabulary.names)) == len(vocabulary.names) == vocabulary.size - vocabulary.offset
    assert all("|" not in one[2:-2] for one in vocabulary.names)


def test_padding_and_merged_units_are_named_as_older_exports_name_them():
    assert VOCABULARIES[1].names[8:11] == ["<|hole|>", "<|s_0_1|>", "<|s_hole_7_0|>"]
    assert VOCABULARIES[3].names[8] == "<|s_2_2|>"
    assert SPECIALS == ("<|bos|>", "<|eos|>", "<|pad|>", "<|unk|>", "<|text|>", "<|speech|>")


@pytest.mark.parametrize(("num_codes", "size"), [(57, 64), (58, 64), (59, 128), (122, 128), (123, 192)])
def test_the_size_is_the_next_multiple_of_64(num_codes, size):
    """Beside six specials."""
    assert Vocabulary(num_codes).size == size
    assert Vocabulary(num_codes - 30, offset=30).size == size


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_speech_is_what_lies_between_the_text_and_the_specials(vocabulary):
    tokens = np.arange(vocabulary.size)
    is_unit = [name.startswith(("<|s_", "<|hole|>")) for name in vocabulary.names]
    assert vocabulary.is_symbol(tokens).tolist() == [False] * vocabulary.offset + is_unit
    assert vocabulary.num_symbols == sum(is_unit)
    assert vocabulary.num_units == vocabulary.num_symbols - len(vocabulary.merges) == 8 + vocabulary.has_pad


def test_merged_units_expand_to_what_they_stand_for_and_others_stay():
    symbols = np.array([9, 3, 10, 8, 10, 0])
    assert expand(symbols, 9, ((0, 1), (8, 7, 0))).tolist() == [0, 1, 3, 8, 7, 0, 8, 8, 7, 0, 0]
    assert expand(symbols[:0], 9, ((0, 1),)).tolist() == []
    assert expand(symbols, 11, ()).tolist() == symbols.tolist()
