"""The hashes of a codec's weights and configuration, which tie codes to the codec that made them."""

import hashlib
import json

import torch
from torch import Tensor, nn

from vqaudio.codec.config import CodecConfig
from vqaudio.core.config import chosen_settings


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


def config_fingerprint(config: CodecConfig) -> str:
    """Compute the SHA-256 of every setting but the name that is not the default.

    A setting that a later version adds leaves the hash as it was where its default does; so defaults never change.
    """
    settings = {key: value for key, value in chosen_settings(config).items() if key != "name"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
