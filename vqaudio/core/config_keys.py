"""The keys of a configuration, with their values and with what the docstrings of its dataclasses say of them."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Key(NamedTuple):
    """A key of a configuration.

    name: dotted.  value: as YAML writes it; None of a section.  note: what its docstring says, or "".
    """

    name: str
    value: Any
    note: str
    is_section: bool = False


def config_keys(config: Any, where: str = "") -> Iterator[Key]:
    """List every key of a dataclass, sections in their places; a section's own note comes with its first line."""
    notes = field_notes(type(config))
    for field in dataclasses.fields(config):
        if not field.init:
            continue
        name, value = f"{where}{field.name}", getattr(config, field.name)
        note = notes.get(field.name, "")
        if kinds := field.metadata.get("kinds"):
            note = f"kind: {', '.join(kinds)}."
        if dataclasses.is_dataclass(value):
            yield Key(name, None, note or first_sentence(type(value)), is_section=True)
            yield from config_keys(value, f"{name}.")
        else:
            yield Key(name, list(value) if isinstance(value, tuple) else value, note)


def first_sentence(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def field_notes(cls: type) -> dict[str, str]:
    """Read `name: what it is` and `name, other: what they are` from the docstrings of a dataclass and its bases."""
    names = [field.name for field in dataclasses.fields(cls)]
    word = "|".join(map(re.escape, names)) or "$^"
    head = re.compile(rf"(?:^|(?<=[.;?)]\s)|(?<=[.;?)]\s\s))((?:{word})(?:, (?:{word}))*): ")
    notes: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(owner.__doc__ or "")):
            text = " ".join(paragraph.split("\n"))
            heads = list(head.finditer(text))
            for place, found in enumerate(heads, 1):
                end = heads[place].start() if place < len(heads) else len(text)
                note = text[found.end() : end].strip()
                notes |= dict.fromkeys(found.group(1).split(", "), note)
    return notes
