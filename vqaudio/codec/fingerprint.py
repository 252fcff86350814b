"""A hash of weights: it is what ties codes to the codec that made them."""

import hashlib

import torch
from torch import Tensor, nn


def shaping_state(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that shape codes or sound: the state dict without running statistics, on the CPU."""
    return {
        name: tensor.detach().to("cpu").contiguous()
        for name, tensor in module.state_dict().items()
        if ".statistics" not in name and "window_" not in name
    }


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over name, shape and float32 bytes of every shaping tensor, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(shaping_state(module).items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.to(torch.float32).numpy().tobytes())
    return digest.hexdigest()
