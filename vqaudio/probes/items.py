"""The phone tokens of ABX, and the .item files of ZeroSpeech that list them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval

HEADER = "#file onset offset #phone prev-phone next-phone speaker"  # libri-light, ZeroSpeech 2021


@dataclass(frozen=True)
class Item:
    """One phone between two others.  onset_s, offset_s: within the file."""

    file: str
    onset_s: float
    offset_s: float
    phone: str
    previous: str
    following: str
    speaker: str


def items_of(
    file: str, speaker: str, intervals: Sequence[Interval], silence: Iterable[str] = (), max_gap_s: float = 0.001
) -> list[Item]:
    """List every phone whose two neighbours are phones too: neither silence nor a gap is a context.

    intervals: of one file, in the order of time.
    """
    silent_labels, items = frozenset(silence), []
    for previous, interval, following in zip(intervals, intervals[1:], intervals[2:], strict=False):
        has_silence = silent_labels & {previous.label, interval.label, following.label}
        has_gap = interval.start_s - previous.end_s > max_gap_s or following.start_s - interval.end_s > max_gap_s
        if not has_silence and not has_gap:
            items.append(
                Item(file, interval.start_s, interval.end_s, interval.label, previous.label, following.label, speaker)
            )
    return items


def write_items(path: str | Path, items: Iterable[Item]) -> None:
    """Write one line for each item after the header; times with four decimals.

    Raises VqaudioError for a name with a blank.
    """
    lines = [HEADER]
    for item in items:
        names = (item.file, item.phone, item.previous, item.following, item.speaker)
        if any(not name or name.split() != [name] for name in names):
            raise VqaudioError(f"an .item file separates by blanks: {names} has a name with a blank or an empty one")
        lines.append(
            f"{item.file} {item.onset_s:.4f} {item.offset_s:.4f} "
            f"{item.phone} {item.previous} {item.following} {item.speaker}"
        )
    try:
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise VqaudioError(f"{path} cannot be written: {error.strerror}") from None


def read_items(path: str | Path) -> list[Item]:
    """Read the items that `write_items` wrote.

    Raises VqaudioError for a file that is not there or a line of another form.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read as an .item file: {error}") from None
    items = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            file, onset, offset, phone, previous, following, speaker = line.split()
            item = Item(file, float(onset), float(offset), phone, previous, following, speaker)
        except ValueError:
            raise VqaudioError(f"line {number} of {path}: wanted `{HEADER}`, got {line!r}") from None
        if not 0 <= item.onset_s < item.offset_s:
            raise VqaudioError(f"line {number} of {path}: the item runs from {onset} s to {offset} s")
        items.append(item)
    return items
