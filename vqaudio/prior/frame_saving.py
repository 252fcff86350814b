"""Saving and opening of a frame prior: `config.json` and `model.safetensors`, tied to its codec by the stamp."""

from pathlib import Path
from typing import Any

import torch

from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.nn.devices import find_device
from vqaudio.prior.frame_model import FrameNetworkConfig, FramePrior
from vqaudio.prior.saving import load_weights, read_section, save_section, save_weights
from vqaudio.tokens.schema import CodecStamp


def save_frame_prior(
    prior: FramePrior, folder: str | Path, *, is_half: bool = False, facts: dict[str, Any] | None = None
) -> None:
    """Save a frame prior.

    is_half: store the weights as float16.  facts: JSON values for the reader, such as scores.
    """
    folder = Path(folder)
    section = {
        **save_weights(prior, folder, is_half=is_half),
        "codec": prior.stamp.to_json(),
        "network": to_mapping(prior.config),
        "frames": facts or {},
    }
    save_section(folder, section, {})


def open_frame_prior(folder: str | Path, device: str | torch.device = "cpu") -> FramePrior:
    """Open a frame prior in eval mode.

    Raises VqaudioError if there is none, if a later version wrote it, or if its weights are damaged.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise VqaudioError(f"{folder} holds no config.json of a frame prior; recipes/train_frames.py trains one")
    section = read_section(folder, ("frames",))
    with torch.random.fork_rng(devices=[]):
        config = from_mapping(FrameNetworkConfig, section["network"], where="network")
        prior = FramePrior(config, CodecStamp.from_json(section["codec"]))
    load_weights(prior, folder, section)
    return prior.requires_grad_(False).to(find_device(device)).eval()
