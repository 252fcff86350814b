"""Lines that hold foreign names are safe to print."""

import pytest

from vqaudio.core.printable import printable


@pytest.mark.parametrize("line", ["plain.wav", "naïve 語音 🎤.wav", 'quote\'s "double".wav', "100 %\\x.wav", ""])
def test_what_can_be_seen_stays_as_it_is(line: str) -> None:
    assert printable(line) == line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a\nfailed: b", "a\\nfailed: b"),
        ("\r\t\x1b[2J\x07\x7f", "\\r\\t\\x1b[2J\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe\u2066\u200b", "\\u202egpj.exe\\u2066\\u200b"),
        ("\u2028\u0085", "\\u2028\\x85"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_what_steers_a_terminal_or_cannot_be_seen_is_written_out(line: str, shown: str) -> None:
    assert printable(line) == shown
