"""Texts of a table's row or a JSON object, as other programs leave them."""

from collections.abc import Mapping
from typing import Any

from vqaudio.core.errors import VqaudioError


def text_in(place: str, row: Mapping[str, Any], name: str) -> str | None:
    """Take a text of a row, None where it is missing or empty; a number is its digits, except in a column path.

    place: where the row stands, in words.  Raises VqaudioError with it if it is another thing, or not Unicode.
    """
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name != "path":
        value = str(value)  # ids and speakers are numbers in many corpora
    if value is not None and not isinstance(value, str):
        raise VqaudioError(f"{place}: {name} is {value!r}; wanted text")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise VqaudioError(f"{place}: {name} is {value!r}, which is not valid Unicode") from None
    return value or None
