"""Saving and opening of a prior: a folder that transformers opens as a Llama, and the stamp of its codec.

`config.json` is transformers' own with one more section, `vqaudio`; `model.safetensors` holds the weights.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.durable import make_folder, replace_durably, sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json, require_format
from vqaudio.nn.devices import find_device
from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.language import CodeLanguage
from vqaudio.prior.model import Prior, llama_config
from vqaudio.tokens.schema import CodecStamp

FORMAT_VERSION = 1
SECTION = "vqaudio"
WEIGHTS = "model.safetensors"
MODELS = Path(__file__).resolve().parent.parent / "models"


def save_prior(prior: Prior, folder: str | Path, *, is_half: bool = False, facts: dict[str, Any] | None = None) -> None:
    """Save a prior.

    is_half: store the weights as float16.  facts: JSON values for the reader, such as scores.
    """
    folder, language = Path(folder), prior.language
    section = {
        **save_weights(prior.network, folder, is_half=is_half),
        "codec": language.stamp.to_json(),
        "pattern": language.pattern,
        "speakers": list(language.speakers),
        "network": to_mapping(prior.config),
        "facts": facts or {},
    }
    header = llama_config(prior.config, language).to_dict() | {"dtype": "float16" if is_half else "float32"}
    save_section(folder, section, header)


def save_weights(module: nn.Module, folder: Path, *, is_half: bool) -> dict[str, Any]:
    """Write a network's parameters.  Returns what the section of config.json says of them."""
    make_folder(folder)
    kind = torch.float16 if is_half else torch.float32
    tensors = {name: value.detach().to("cpu", kind).contiguous() for name, value in module.named_parameters()}
    weights = folder / WEIGHTS
    replace_durably(weights, lambda path: path.write_bytes(save(tensors, metadata={"format": "pt"})))
    return {"format_version": FORMAT_VERSION, "file_sha256": sha256_of(weights)}


def save_section(folder: Path, section: dict[str, Any], header: dict[str, Any]) -> None:
    """Write config.json: what others read of it, and our section."""
    text = json.dumps({**header, SECTION: section}, indent=2, sort_keys=True) + "\n"
    replace_durably(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))


def open_prior(name_or_folder: str | Path, device: str | torch.device = "cpu") -> Prior:
    """Open a prior in eval mode.

    name_or_folder: a folder that `save_prior` wrote, or the name of a codec that ships with one.
    Raises VqaudioError if there is none, if a later version wrote it, or if its weights are damaged.
    """
    folder = find_prior(name_or_folder)
    section = read_section(folder)
    language = CodeLanguage(CodecStamp.from_json(section["codec"]), section["pattern"], tuple(section["speakers"]))
    with torch.random.fork_rng(devices=[]):
        prior = Prior(from_mapping(NetworkConfig, section["network"], where="network"), language)
    load_weights(prior.network, folder, section)
    return prior.requires_grad_(False).to(find_device(device)).eval()


def load_weights(module: nn.Module, folder: Path, section: dict[str, Any]) -> None:
    """Read what `save_weights` wrote into a network.  Raises VqaudioError for a damaged file or another network's."""
    weights = folder / WEIGHTS
    try:
        is_whole = sha256_of(weights) == section["file_sha256"]
        tensors = load_file(weights) if is_whole else {}
    except (SafetensorError, OSError) as error:
        raise VqaudioError(f"{weights} cannot be read: {error}; fetch the prior again") from error
    parameters = dict(module.named_parameters())
    if not is_whole or tensors.keys() != parameters.keys():
        raise VqaudioError(f"{weights} is not the file that config.json beside it names; fetch the prior again")
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(tensors[name])


def find_prior(name_or_folder: str | Path) -> Path:
    """Find the folder of a prior.  Raises VqaudioError that lists those that ship."""
    for folder in (Path(name_or_folder), MODELS / str(name_or_folder) / "prior"):
        if (folder / "config.json").is_file():
            return folder
    shipped = sorted(path.parent.parent.name for path in MODELS.glob("*/prior/config.json"))
    raise VqaudioError(
        f"no prior called {str(name_or_folder)!r}: it is neither a folder with a config.json nor a codec that ships "
        f"with one ({', '.join(shipped) or 'none'}); recipes/train_prior.py trains one"
    )


def read_section(folder: Path, keys: Iterable[str] = ("pattern", "speakers")) -> dict[str, Any]:
    """Read the section of vqaudio in config.json.

    keys: those that only this kind of prior has.  Raises VqaudioError if it is no such prior's.
    """
    path = folder / "config.json"
    wanted = {"format_version", "file_sha256", "codec", "network", *keys}
    try:
        section = parse_json(path.read_text(encoding="utf-8")).get(SECTION)
    except (OSError, ValueError, AttributeError) as error:
        raise VqaudioError(f"{path} is not a vqaudio prior's: {error}") from error
    if not isinstance(section, dict) or not wanted <= section.keys():
        raise VqaudioError(f"{path} is not a vqaudio prior's: it has no section {SECTION!r} with {sorted(wanted)}")
    require_format(section["format_version"], FORMAT_VERSION, path)
    return section
