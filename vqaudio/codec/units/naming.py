"""Names of units and the folders that hold them.  Needs no torch: `vqaudio info` reads them.

units:MODEL,layer=6,kmeans=FILE    a model of transformers, a layer and a file of means, as `--codec` takes them
units:hubert-base/L6/kmeans-500    the name in stores and tables
runs/hubert-500                    a folder that `vqaudio kmeans` wrote: config.json and centroids.safetensors
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqaudio.codec.locate import UNITS_PREFIX
from vqaudio.core.config import from_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json, require_format

CENTROIDS = "centroids.safetensors"
FORMAT_VERSION = 1
_PARTS = re.compile(r"(?P<model>.+?)(?:,layer=(?P<layer>\d+))?(?:,kmeans=(?P<kmeans>.+))?", re.DOTALL)


@dataclass(frozen=True)
class UnitsName:
    """What makes units: a model (DIR or OWNER/NAME), one of its layers, counted from 1, and a file of means."""

    model: str
    layer: int | None = None
    kmeans: str | None = None

    @classmethod
    def parse(cls, text: str) -> "UnitsName":
        """Parse `units:MODEL,layer=6,kmeans=FILE`, of which layer and means may be missing.

        >>> UnitsName.parse("units:facebook/hubert-base-ls960,layer=6,kmeans=km.npy")
        UnitsName(model='facebook/hubert-base-ls960', layer=6, kmeans='km.npy')

        Raises VqaudioError if it has no model.
        """
        match = _PARTS.fullmatch(text.removeprefix(UNITS_PREFIX))
        if match is None:
            raise VqaudioError(f"{text!r} names no model; wanted {UNITS_PREFIX}DIR or {UNITS_PREFIX}OWNER/NAME")
        layer = match["layer"]
        return cls(match["model"], None if layer is None else int(layer), match["kmeans"])

    def __str__(self) -> str:
        layer = "" if self.layer is None else f",layer={self.layer}"
        return f"{UNITS_PREFIX}{self.model}{layer}" + ("" if self.kmeans is None else f",kmeans={self.kmeans}")

    @property
    def whole(self) -> str:
        """The same with absolute paths, for another current folder."""
        kmeans = None if self.kmeans is None else _absolute(self.kmeans)
        return str(UnitsName(_absolute(self.model), self.layer, kmeans))


@dataclass(frozen=True)
class UnitsFacts:
    """The contents of config.json beside the means that `vqaudio kmeans` fitted.

    model: a path or OWNER/NAME.  model_sha256: of the weights up to the layer.  centroids_sha256: of the means.
    """

    model: str
    model_sha256: str
    layer: int
    centroids_sha256: str
    num_units: int
    width: int
    sample_rate_hz: int
    hop_samples: int


def units_name(codec: str, layer: int | None, kmeans: Path | None) -> str:
    """Put a layer and a file of means, given by flags, into a codec's name.

    Raises VqaudioError if it is no `units:MODEL`, or names them already.
    """
    if layer is None and kmeans is None:
        return codec
    if not codec.startswith(UNITS_PREFIX):
        raise VqaudioError(f"--layer and --kmeans go with --codec {UNITS_PREFIX}MODEL, not with {codec}")
    named = UnitsName.parse(codec)
    if (layer is not None and named.layer is not None) or (kmeans is not None and named.kmeans is not None):
        raise VqaudioError(f"{codec} names its layer or its means already; leave --layer and --kmeans out")
    layer = named.layer if layer is None else layer
    return str(UnitsName(named.model, layer, named.kmeans if kmeans is None else str(kmeans)))


def is_units_folder(folder: str | Path) -> bool:
    """Return whether a folder has the config.json of units."""
    path = Path(folder) / "config.json"
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and isinstance(content.get("units"), dict)


def is_units(name_or_folder: str | Path) -> bool:
    """Return whether a codec's name or folder is one of units."""
    return str(name_or_folder).startswith(UNITS_PREFIX) or is_units_folder(name_or_folder)


def facts_to_json(facts: UnitsFacts) -> dict[str, Any]:
    """Convert facts to the contents of config.json."""
    return {"format_version": FORMAT_VERSION, "units": asdict(facts)}


def read_units_folder(folder: Path) -> UnitsFacts:
    """Read the config.json that `vqaudio kmeans` wrote.  Raises VqaudioError if it is damaged or of a later version."""
    path = folder / "config.json"
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        units = content["units"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VqaudioError(f"{path} is not one of units: {error}") from None
    require_format(content.get("format_version"), FORMAT_VERSION, path)
    try:
        return from_mapping(UnitsFacts, units, where="units")
    except VqaudioError as error:
        raise VqaudioError(f"{path} is damaged: {error}") from None


def _absolute(text: str) -> str:
    return str(Path(text).resolve()) if Path(text).exists() else text
