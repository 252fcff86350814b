"""Where networks run."""

import torch

from vqaudio.core.errors import VqaudioError


def find_device(name: str | torch.device) -> torch.device:
    """Look up a device by its name: cpu, cuda or cuda:1.  Raises VqaudioError if it is none or is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise VqaudioError(f"there is no device {str(name)!r}; wanted cpu, cuda or cuda:NUMBER") from None
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise VqaudioError(f"vqaudio runs on cpu and cuda, not on {device.type}; use cpu")
    num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= num_devices:
        raise VqaudioError(f"{device} was asked for, but torch sees {num_devices} GPUs; use cpu")
    return device
