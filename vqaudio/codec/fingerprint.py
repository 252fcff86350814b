"""The hash of a codec's weights, which ties codes to the codec that made them."""

import hashlib

import torch
from torch import Tensor, nn


def shaping_state(module: nn.Module) -> dict[str, Tensor]:
    """Collect the tensors that shape codes or sound, on the CPU: the state dict, without running statistics."""
    return {name: tensor.detach().to("cpu").contiguous() for name, tensor in module.state_dict().items()}


def fingerprint(module: nn.Module) -> str:
    """Compute the SHA-256 of name, shape and float32 bytes of every shaping tensor, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(shaping_state(module).items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.to(torch.float32).numpy().tobytes())
    return digest.hexdigest()
