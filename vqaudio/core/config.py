"""Conversion between plain mappings and frozen dataclasses, every value checked against its field's annotation."""

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from vqaudio.core.errors import VqaudioError
from vqaudio.core.overlays import load_mapping


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Config = TypeVar("Config", bound=_Dataclass)

# YAML 1.1 asks for a dot and a signed exponent (1.0e-3); what people write (1e-3) reaches us as a string.
_DOTLESS_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+")


def renamed_from(*names: str) -> dict[str, Any]:
    """Make the metadata of a field that had other names: files with an old name are read like new ones."""
    return {"renamed_from": names}


def between(low: float, high: float) -> dict[str, Any]:
    """Make the metadata of a field whose number, or each of whose numbers, lies from low to high.

    A file from elsewhere may say anything: without bounds a number in it could ask for all memory, or run for ever.
    """
    return {"bounds": (low, high)}


def chosen_from(kinds: Mapping[str, type]) -> dict[str, Any]:
    """Make the metadata of a field whose section names its class by `kind:`.

    kinds: kind -> dataclass with a field `kind`.  What a section says for the fields of another kind is left behind, so
    that a file which names another kind than its base need not take the base's settings back.
    """
    return {"kinds": kinds}


def load_config(path: str | Path, cls: type[Config], overrides: Sequence[str] = ()) -> Config:
    """Load a YAML file, its bases and the overrides of a command line as a dataclass.

    overrides: `key=value` or `section.key=value`, the value in YAML.
    Raises VqaudioError for a file, key or value that cannot be used.
    """
    return from_mapping(cls, load_mapping(path, overrides))


def from_mapping(cls: type[Config], mapping: Any, where: str = "") -> Config:
    """Convert dictionaries, lists and scalars to a dataclass, every field checked against its annotation.

    where: the dotted key of the section, for messages.
    Raises VqaudioError for an unknown key, a missing one or a value of the wrong type.
    """
    section = where or "the config"
    if not isinstance(mapping, Mapping):
        raise VqaudioError(f"{section} must be a section of `key: value` lines, got {_describe(mapping)}")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    mapping = _with_new_names(fields, mapping)
    for key in mapping:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise VqaudioError(f"unknown key {_join(where, key)!r}{hint} Valid keys of {section}: {', '.join(fields)}")
    missing = [_join(where, name) for name, field in fields.items() if name not in mapping and _is_required(field)]
    if missing:
        raise VqaudioError(f"{section} lacks {', '.join(missing)}; add it to the file or as key=value")
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in mapping.items():
        kinds = fields[key].metadata.get("kinds")
        path = _join(where, key)
        values[key] = _convert_chosen(kinds, fields[key], value, path) if kinds else _convert(hints[key], value, path)
        _require_between(fields[key].metadata.get("bounds"), values[key], path)
    return cls(**values)


def to_mapping(config: _Dataclass) -> dict[str, Any]:
    """Convert a dataclass, the inverse of `from_mapping`, to dictionaries, lists and scalars for YAML and JSON."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config) if f.init}


def chosen_settings(config: _Dataclass) -> dict[str, Any]:
    """Convert a dataclass as `to_mapping` does, without the fields that have their default; `kind` always stays."""
    chosen = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            chosen |= {field.name: section} if (section := chosen_settings(value)) else {}
        elif field.name == "kind" or value != default:
            chosen[field.name] = _plain(value)
    return chosen


def _with_new_names(fields: Mapping[str, "dataclasses.Field[Any]"], mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """Replace every old name of a field by its present one; where both are given, the present one counts."""
    today = {old: name for name, field in fields.items() for old in field.metadata.get("renamed_from", ())}
    renamed = {today[key]: value for key, value in mapping.items() if key in today}
    return {**renamed, **{key: value for key, value in mapping.items() if key not in today}}


def _convert_chosen(kinds: Mapping[str, type], field: "dataclasses.Field[Any]", value: Any, where: str) -> Any:
    """Convert to the dataclass that the section's `kind` names, without what belongs to other kinds only."""
    if not isinstance(value, Mapping):
        raise VqaudioError(f"{where} must be a section of `key: value` lines, got {_describe(value)}")
    default = field.default_factory().kind if callable(field.default_factory) else next(iter(kinds))
    kind = value.get("kind", default)
    if not isinstance(kind, str) or kind not in kinds:
        raise VqaudioError(f"unknown {where}.kind {kind!r}; valid are {', '.join(sorted(kinds))}")
    known = {name: _names_of(cls) for name, cls in kinds.items()}
    of_others = set().union(*known.values()) - known[kind]
    return from_mapping(kinds[kind], {key: entry for key, entry in value.items() if key not in of_others}, where)


def _names_of(cls: type) -> set[str]:
    fields = [field for field in dataclasses.fields(cls) if field.init]
    return {name for field in fields for name in (field.name, *field.metadata.get("renamed_from", ()))}


def _convert(wanted: Any, value: Any, where: str) -> Any:
    """Convert a value to the annotated type.  Raises VqaudioError naming key, value and type."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return from_mapping(wanted, value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(value):
            return tuple(
                _convert(kind, v, f"{where}[{i}]") for i, (kind, v) in enumerate(zip(kinds, value, strict=True))
            )
    if origin is dict and isinstance(value, Mapping):
        return {_convert(arguments[0], k, where): _convert(arguments[1], v, _join(where, k)) for k, v in value.items()}
    if origin is Literal and value in arguments:
        return value
    if wanted is float and isinstance(value, str) and _DOTLESS_FLOAT.fullmatch(value):
        return float(value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is Any or (wanted in (int, float, str, bool) and type(value) is wanted):  # a bool is no int here
        return value
    quotes = "; put it in quotes" if wanted is str and value is not None else ""
    raise VqaudioError(f"{where} must be {_type_name(wanted)}, got {_describe(value)}{quotes}")


def _require_between(bounds: tuple[float, float] | None, value: Any, where: str) -> None:
    """Check a number, or every number of nested tuples.  Raises VqaudioError naming the key and the bounds."""
    if bounds is None or value is None:
        return
    if isinstance(value, tuple):
        for entry in value:
            _require_between(bounds, entry, where)
    elif not bounds[0] <= value <= bounds[1]:
        raise VqaudioError(f"{where} must be from {bounds[0]:g} to {bounds[1]:g}, got {value}")


def _convert_union(members: tuple[Any, ...], value: Any, where: str) -> Any:
    others = [member for member in members if member is not type(None)]
    if value is None and len(others) < len(members):
        return None
    if len(others) == 1 and isinstance(others[0], type) and dataclasses.is_dataclass(others[0]):
        return from_mapping(others[0], value, where)  # its own message names the key inside the section
    for member in others:
        try:
            return _convert(member, value, where)
        except VqaudioError:
            continue
    names = " or ".join(_type_name(member) for member in members)
    raise VqaudioError(f"{where} must be {names}, got {_describe(value)}")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _type_name(wanted: Any) -> str:
    if wanted is type(None):
        return "null"
    is_plain = isinstance(wanted, type) and not typing.get_args(wanted)
    return wanted.__name__ if is_plain else str(wanted).replace("typing.", "")


def _describe(value: Any) -> str:
    return "null" if value is None else f"{value!r:.60} ({type(value).__name__})"
