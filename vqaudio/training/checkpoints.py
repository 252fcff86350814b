"""Checkpoints: the whole state of a run, in one safetensors file that is replaced atomically.  No pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from vqaudio.core.config import to_mapping
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError


def save_checkpoint(path: str | Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint.  tensors: by name; facts: JSON values, such as the step and the configuration."""
    path = Path(path)
    make_folder(path.parent)
    unshared = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
    content = save(unshared, metadata={"facts": json.dumps(facts)})
    replace_durably(path, lambda temporary: temporary.write_bytes(content))


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.  Raises VqaudioError for anything else."""
    try:
        with safe_open(str(path), framework="pt") as stored:
            facts = (stored.metadata() or {}).get("facts")
            if facts is None:
                raise VqaudioError(f"{path} is a safetensors file, but not a checkpoint of a vqaudio recipe")
            return {name: stored.get_tensor(name) for name in stored.keys()}, json.loads(facts)  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise VqaudioError(f"{path} cannot be read as a checkpoint: {error}") from error


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before every name."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors below a prefix: the inverse of `under`."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Collect the optimiser's moments by parameter number: `12/exp_avg`."""
    return {
        f"{number}/{key}": torch.as_tensor(value).clone()
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the moments that `optimizer_tensors` collected."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split("/")
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


Part = nn.Module | Optimizer | dict[str, Tensor]


def run_tensors(parts: dict[str, Part]) -> dict[str, Tensor]:
    """Collect every tensor of a run's parts, each under its part's name, and the states of the random generators."""
    tensors = under("generators", generator_tensors())
    for name, member in parts.items():
        if isinstance(member, Optimizer):
            tensors |= under(name, optimizer_tensors(member))
        else:
            tensors |= under(name, member.state_dict() if isinstance(member, nn.Module) else member)
    return tensors


def restore_run(parts: dict[str, Part], tensors: dict[str, Tensor]) -> None:
    """Restore what `run_tensors` collected; parts that are not in the checkpoint stay as they are."""
    for name, member in parts.items():
        stored = part(name, tensors)
        if not stored:
            continue
        if isinstance(member, Optimizer):
            restore_optimizer(member, stored)
        elif isinstance(member, nn.Module):
            member.load_state_dict(stored)
        else:
            for key, value in stored.items():
                member[key].copy_(value)
    restore_generators(part("generators", tensors))


def restore_codec_run(path: str | Path, parts: dict[str, Part], codec: Any) -> int:
    """Restore what a run with this configuration of the codec saved; returns the step that it had reached.

    Raises VqaudioError if that run had another codec.
    """
    tensors, facts = load_checkpoint(path)
    if facts["config"]["codec"] != to_mapping(codec):
        raise VqaudioError(f"{path} holds a codec of another shape; choose another out=DIR or delete that folder")
    restore_run(parts, tensors)
    return facts["step"]


def generator_tensors() -> dict[str, Tensor]:
    """Collect the states of torch's random generators: the CPU's, and the current GPU's where there is one."""
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    return tensors


def restore_generators(tensors: dict[str, Tensor]) -> None:
    """Restore what `generator_tensors` collected, as far as this machine has the device."""
    torch.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
