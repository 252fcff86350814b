"""From transcripts to the words of a dictionary."""

import pytest

from vqaudio.jobs.align.spoken_words import SpokenWords, spoken_words

KNOWN = {
    "the", "lower", "case", "i.", "e.", "mr.", "don't", "'em", "cafe", "o'clock", "a", "e.g.", "goodbye", "and", "it",
    "bye", "in", "in.", "picture", "books",
}  # fmt: skip


def words(text: str) -> SpokenWords:
    return spoken_words(text, KNOWN.__contains__)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("THE, the: (the) “the” the!", "the the the the the"),
        ("Don\u2019t give \u2018em", "don't give 'em"),
        ("Mr. Lower, e.g. in. It.", "mr. lower e.g. in it"),
        ("lower-case picture\u2011books, good-bye", "lower case picture books goodbye"),
        ("i.e. the case", "i. e. the case"),
        ("Café & the case\u2014it...the/a -- in", "cafe and the case it the a in"),
        ("'the case' o'clock", "the case o'clock"),
        ("\n\t - ... ?! ", ""),
    ],
)
def test_words_come_in_the_spelling_of_the_dictionary(text: str, spoken: str) -> None:
    assert words(text).words == tuple(spoken.split())


def test_what_the_dictionary_lacks_is_named_once_and_never_dropped() -> None:
    found = words("the Zarathustra case in 1455, 50% of zarathustra-books")
    assert found.unknown == ("zarathustra", "1455", "50", "of")
    assert found.words == ("the", "zarathustra", "case", "in", "1455", "50", "of", "zarathustra", "books")


def test_markers_of_noises_are_no_words_and_are_told() -> None:
    assert words("the [background noise] case <unk> {breath}") == SpokenWords(
        ("the", "case"), (), ("[background noise]", "<unk>", "{breath}")
    )
