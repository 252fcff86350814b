"""Folders of codecs and their config.json.  Needs no torch: `vqaudio info` reads it."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqaudio.codec.hub import find_on_hub, is_repo_id
from vqaudio.core.config import between, from_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json, require_format

FORMAT_VERSION = 1
SPEAKERS = "speakers.json"
FOREIGN_PREFIX = "hf:"  # of the names of codecs of transformers
UNITS_PREFIX = "units:"  # of the names of models whose hidden states become units, see `vqaudio.codec.units`
MODELS = Path(__file__).resolve().parent.parent / "models"
COUNT = between(1, 2**31 - 1)  # less or more would be a damaged file


@dataclass(frozen=True)
class CodecFacts:
    """The name and the rates of a codec, from its config.json."""

    name: str
    sample_rate_hz: int = field(metadata=COUNT)
    hop_samples: int = field(metadata=COUNT)
    num_codebooks: int = field(metadata=COUNT)
    codebook_size: int = field(metadata=COUNT)


def find_codec(name_or_folder: str | Path, *, may_download: bool = False) -> Path:
    """Find the folder of a codec: `speech-16k` is the newest that ships under that name, `speech-16k@1` the first.

    The folder of a training run stands for the codec in it.

    Any other `OWNER/NAME` is a repository of the hub, looked for in its local cache; may_download: fetch it.

    Raises VqaudioError that lists the shipped ones.
    """
    name = str(name_or_folder)
    newest, _, version = name.partition("@")
    folders = [Path(name_or_folder), Path(name_or_folder) / "codec", MODELS / name]
    if version and (MODELS / newest / "config.json").is_file() and read_facts(MODELS / newest).name == name:
        folders.append(MODELS / newest)
    for folder in folders:
        if (folder / "config.json").is_file():
            return folder
    if name.startswith(FOREIGN_PREFIX):
        raise VqaudioError(
            f"this needs the latents or the voices of a codec of vqaudio, and {name} is one of transformers"
        )
    if name.startswith(UNITS_PREFIX):
        raise VqaudioError(f"this needs the latents or the voices of a codec of vqaudio, and {name} makes units")
    on_hub = ""
    if is_repo_id(name) and not Path(name).exists():
        try:
            return find_on_hub(name, may_download=may_download)
        except VqaudioError as error:
            on_hub = f"; {error}"
    shipped = sorted(path.parent.name for path in MODELS.glob("*/config.json"))
    raise VqaudioError(
        f"no codec called {str(name_or_folder)!r}: it is neither a folder with a config.json nor one of the shipped "
        f"codecs ({', '.join(shipped) or 'none'}){on_hub}"
    )


def find_shipped(weights_sha256: str) -> str | None:
    """Find the name of the shipped codec that has these weights, None where none has."""
    for path in sorted(MODELS.glob("*/config.json")):
        if read_header(path.parent)["weights_sha256"] == weights_sha256:
            return path.parent.name
    return None


def speaker_names(folder: Path) -> tuple[str, ...]:
    """Read the names of a codec's known speakers from its speakers.json; none without that file."""
    path = folder / SPEAKERS
    if not path.is_file():
        return ()
    try:
        return tuple(map(str, parse_json(path.read_text(encoding="utf-8"))["names"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VqaudioError(f"{path} is not a vqaudio codec's: {error}") from error


def read_header(folder: Path) -> dict[str, Any]:
    """Read the config.json of a codec.  Raises VqaudioError if it is not one."""
    try:
        header = parse_json((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise VqaudioError(f"{folder / 'config.json'} is not a vqaudio codec's: {error}") from error
    if isinstance(header, dict) and "units" in header:
        raise VqaudioError(f"this needs the latents or the voices of a codec of vqaudio, and {folder} makes units")
    if not isinstance(header, dict) or not {"format_version", "weights_sha256", "codec"} <= header.keys():
        raise VqaudioError(f"{folder / 'config.json'} is not a vqaudio codec's: it has no format_version or no codec")
    require_format(header["format_version"], FORMAT_VERSION, folder / "config.json")
    return header


def read_facts(folder: Path) -> CodecFacts:
    """Read the rates of a codec without building it.  Raises VqaudioError if config.json is no codec's."""
    config, path = read_header(folder)["codec"], folder / "config.json"
    try:
        quantizer = config["quantizer"]
        # Finite scalars have no codebook: one code is a point of their grid.
        is_grid = quantizer["kind"] == "finite_scalar"
        facts = {
            "name": config["name"],
            "sample_rate_hz": config["sample_rate_hz"],
            "hop_samples": math.prod(config["encoder"]["strides"]),
            "num_codebooks": 1 if is_grid else quantizer["num_codebooks"],
            "codebook_size": math.prod(quantizer["levels"]) if is_grid else quantizer["codebook_size"],
        }
    except (KeyError, TypeError) as error:
        raise VqaudioError(f"{path} is not a vqaudio codec's: it has no {error}") from None
    try:
        return from_mapping(CodecFacts, facts)
    except VqaudioError as error:
        raise VqaudioError(f"{path} is damaged: {error}") from None
