import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vqaudio.core.errors import VqaudioError
from vqaudio.export.documents import DocumentCoder
from vqaudio.export.merging import UnitMerges
from vqaudio.export.options import ExportOptions
from vqaudio.tokens.patterns import PATTERNS
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.vocabulary import SPECIALS, Vocabulary, expand

SIZE = 4


def row_of(codes, speaker: str | None = "ada", text: str | None = "hi"):
    return TokenRow("a.wav", np.asarray(codes, dtype=np.uint16), 0, 16_000, 0.0, speaker, text)


def coder_of(num_codebooks, offset=0, merges=None, **chosen):
    options = ExportOptions("hf", num_codebooks=num_codebooks, **chosen)
    words = Vocabulary(
        num_codebooks * SIZE,
        has_pad=options.has_padding,
        merges=merges.merges if merges else (),
        has_bytes=True,
        speakers=("ada",),
        offset=offset,
    )
    return DocumentCoder(options, SIZE, words, merge=merges.encode if merges else None)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(
    codes=st.tuples(st.integers(1, 3), st.integers(0, 12)).flatmap(
        lambda shape: arrays(np.uint16, shape, elements=st.integers(0, SIZE - 1))
    ),
    chosen=st.fixed_dictionaries(
        {
            "is_deduplicated": st.booleans(),
            "has_bos": st.booleans(),
            "has_eos": st.booleans(),
            "prefix": st.sampled_from([(), ("speaker",), ("text", "speaker")]),
            "offset": st.sampled_from([0, 300]),
        }
    ),
)
def test_documents_give_back_their_codes(pattern, codes, chosen):
    coder = coder_of(len(codes), pattern=pattern, **chosen)
    document = coder.encode(row_of(codes))
    assert np.array_equal(coder.decode(document.tokens, document.durations), codes)
    assert document.tokens.max(initial=0) < coder.vocabulary.size


@given(codes=arrays(np.uint16, (2, 20), elements=st.integers(0, SIZE - 1)))
def test_merged_documents_give_back_their_codes(codes):
    merges = UnitMerges.train([np.tile([0, 4, 0, 5, 8], 30)], num_units=2 * SIZE + 1, num_merges=6)
    coder = coder_of(2, merges=merges, pattern="delayed", is_deduplicated=True)
    document = coder.encode(row_of(codes))
    assert np.array_equal(coder.decode(document.tokens, document.durations), codes)


def test_units_are_merged_beyond_the_numbers_that_are_no_characters():
    units = np.tile([55_038, 55_039, 55_040, 57_000, 59_999], 40)  # character 0xD800, of unit 55,040, does not exist
    merges = UnitMerges.train([units], num_units=60_000, num_merges=4)
    symbols = merges.encode(units)
    assert len(symbols) < len(units) / 2
    assert expand(symbols, 60_000, merges.merges).tolist() == units.tolist()


def test_a_document_reads_as_its_prefix_says():
    words = (coder := coder_of(1, has_bos=True, has_eos=True, prefix=("text", "speaker"))).vocabulary
    names = [words.names[token] for token in coder.encode(row_of([[3, 3, 1]], text="é")).tokens]
    head = "<|bos|> <|speaker_ada|> <|text|> <|byte_c3|> <|byte_a9|> <|speech|>"
    assert " ".join(names) == head + " <|s_3|> <|s_3|> <|s_1|> <|eos|>"


def test_what_is_not_known_of_a_row_is_left_out_of_its_prefix():
    words = (coder := coder_of(1, prefix=("text", "speaker"))).vocabulary
    tokens = coder.encode(row_of([[2]], speaker=None, text=None)).tokens
    assert tokens.tolist() == [words.special("<|speech|>"), 2]


@given(
    num_codes=st.integers(1, 200),
    has_pad=st.booleans(),
    has_bytes=st.booleans(),
    num_speakers=st.integers(0, 70),
    offset=st.integers(0, 130),
)
def test_every_token_has_a_name_of_its_own_and_the_vocabulary_divides_by_64(
    num_codes, has_pad, has_bytes, num_speakers, offset
):
    speakers = tuple(f"s|{number}" for number in range(num_speakers))
    words = Vocabulary(num_codes, has_pad, ((0, 0),), has_bytes, speakers, offset)
    assert words.size % 64 == 0
    assert len(set(words.names)) == len(words.names) == words.size - offset
    assert all(name.startswith("<|") and name.count("|") == 2 for name in words.names)
    for place, speaker in enumerate(speakers):
        assert words.names[words.speaker(speaker) - offset] == f"<|speaker_s%7C{place}|>"
    assert [words.names[words.special(name) - offset] for name in SPECIALS] == list(SPECIALS)
    assert words.names[:num_codes] == [f"<|s_{code}|>" for code in range(num_codes)]


def test_runs_without_durations_are_refused():
    coder = coder_of(1, is_deduplicated=True)
    with pytest.raises(VqaudioError, match="durations"):
        coder.decode(np.array([1, 2]), None)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"pattern": "zigzag"}, "parallel, delayed"),
        ({"prefix": ("voice",)}, "speaker, text"),
        ({"context_tokens": 1}, "2 or more"),
        ({"bpe_merges": -1}, "0 or more"),
        ({"validation": 1.0}, "below 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(chosen, message):
    with pytest.raises(VqaudioError, match=message):
        ExportOptions("hf", **chosen)
