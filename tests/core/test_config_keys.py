from dataclasses import dataclass, field

from vqaudio.core.config_keys import Key, config_keys, field_notes


@dataclass(frozen=True)
class Base:
    """What both have.

    out: a folder.
    """

    out: str = "runs"


@dataclass(frozen=True)
class Part:
    """A section of its own.

    low, high: the bounds; both in decibels.  A word: this is none of its fields.
    """

    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True)
class Whole(Base):
    """All of it.  rate: steps,
    each of them.  size: of a step

    part: the section.
    """

    rate: int = 3
    size: tuple[int, ...] = (1, 2)
    part: Part = field(default_factory=Part)
    other: Part = field(default_factory=Part)
    silent: str | None = None


def test_every_key_stands_with_its_value_and_what_the_docstrings_say():
    assert list(config_keys(Whole(rate=4))) == [
        Key("out", "runs", "a folder."),
        Key("rate", 4, "steps, each of them."),
        Key("size", [1, 2], "of a step"),
        Key("part", None, "the section.", is_section=True),
        Key("part.low", -1.0, "the bounds; both in decibels.  A word: this is none of its fields."),
        Key("part.high", 1.0, "the bounds; both in decibels.  A word: this is none of its fields."),
        Key("other", None, "A section of its own.", is_section=True),
        Key("other.low", -1.0, "the bounds; both in decibels.  A word: this is none of its fields."),
        Key("other.high", 1.0, "the bounds; both in decibels.  A word: this is none of its fields."),
        Key("silent", None, ""),
    ]


def test_a_class_without_fields_or_docstring_has_no_notes():
    @dataclass(frozen=True)
    class Empty:
        pass

    assert field_notes(Empty) == {}
