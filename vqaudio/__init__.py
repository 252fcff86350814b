"""A speech tokenizer: recordings to discrete codes and back.

Importing this loads nothing else; the names below load their module when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqaudio.audio.files import read_audio, write_audio
    from vqaudio.codec.live import open_stream
    from vqaudio.codec.saving import open_codec
    from vqaudio.export.inverse.recovery import codes_from_ids
    from vqaudio.tokens.store import TokenStore

__version__ = "0.1.0"
__all__ = ["TokenStore", "__version__", "codes_from_ids", "open_codec", "open_stream", "read_audio", "write_audio"]

_HOMES = {
    "codes_from_ids": "vqaudio.export.inverse.recovery",
    "open_codec": "vqaudio.codec.saving",
    "open_stream": "vqaudio.codec.live",
    "read_audio": "vqaudio.audio.files",
    "write_audio": "vqaudio.audio.files",
    "TokenStore": "vqaudio.tokens.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"vqaudio has no {name!r}; it has {', '.join(sorted(_HOMES))}")
    return vars(import_module(_HOMES[name]))[name]


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
