"""YAML files with `base:` overlays and `key=value` overrides -> one plain mapping."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vqaudio.core.errors import VqaudioError

MAX_VALUES = 100_000


def load_mapping(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Load a YAML file as plain dictionaries: bases in order, then the file, then the overrides; later values win."""
    mapping = _read_file(Path(path), ())
    for override in overrides:
        mapping = merge(mapping, parse_override(override))
    return mapping


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two mappings: sections merge key by key, everything else (lists too) is replaced by `above`.

    >>> merge({"optimiser": {"rate": 1, "betas": [1, 2]}}, {"optimiser": {"betas": [3]}})
    {'optimiser': {'rate': 1, 'betas': [3]}}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def parse_override(text: str) -> dict[str, Any]:
    """Parse `section.key=value` to a nested mapping.  Raises VqaudioError when it does not have that form.

    >>> parse_override("optimiser.betas=[0.9, 0.99]")
    {'optimiser': {'betas': [0.9, 0.99]}}
    """
    dotted, equals, value = text.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise VqaudioError(f"an override is key=value or section.key=value, got {text!r}")
    nested = _parse_yaml(value, f"the value of {text!r}")
    for key in reversed(keys):
        nested = {key: nested}
    return nested


def _read_file(path: Path, readers: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file merged over its bases.  readers: the files that brought us here, to refuse a circle."""
    path = path.resolve()
    if path in readers:
        circle = " -> ".join(str(file) for file in (*readers[readers.index(path) :], path))
        raise VqaudioError(f"base: goes round in a circle: {circle}; remove one of them")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        asked = f", the base of {readers[-1]}" if readers else ""
        raise VqaudioError(f"cannot read the config {path}{asked}: {error}") from error
    own = _parse_yaml(text, str(path)) or {}
    if not isinstance(own, dict):
        raise VqaudioError(f"{path} must hold `key: value` lines, got {type(own).__name__} {own!r:.60}")
    bases = own.pop("base", None) or []
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise VqaudioError(f"base: in {path} must be a path or a list of paths, got {bases!r}")
    mapping: dict[str, Any] = {}
    for base in bases:
        mapping = merge(mapping, _read_file(path.parent / base, (*readers, path)))
    return merge(mapping, own)


def _parse_yaml(text: str, where: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise VqaudioError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
    except (RecursionError, ValueError) as error:  # brackets in brackets without end; a date that is none
        raise VqaudioError(f"{where} cannot be read as YAML: {error}") from None
    _require_plain(value, where)
    return value


def _require_plain(value: Any, where: str) -> None:
    """Raise VqaudioError for what JSON does not have, such as dates, and for more values than a config has.

    Aliases of aliases make billions of values out of a few lines.
    """
    waiting, num_values = [("", value)], 0
    while waiting:
        key, value = waiting.pop()
        num_values += 1
        if num_values > MAX_VALUES:
            raise VqaudioError(f"{where} holds more than {MAX_VALUES:,} values with its aliases written out")
        if isinstance(value, dict):
            for name, entry in value.items():
                waiting += [(str(name), name), (f"{key}.{name}" if key else str(name), entry)]
        elif isinstance(value, list):
            waiting += [(f"{key}[{index}]", entry) for index, entry in enumerate(value)]
        elif value is not None and not isinstance(value, (str, int, float)):
            kind = type(value).__name__
            raise VqaudioError(
                f"{where}: {key or 'it'} is {value!s:.60}, which YAML takes for a {kind}; put it in quotes"
            )
