"""Checkpoints of transformers' Trainer as priors: a causal language model that learned from an export's tokens.

A checkpoint is `config.json` and safetensors; pickles and code that lie there are never run.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.nn.devices import find_device
from vqaudio.prior.language import CodeLanguage, Tokens
from vqaudio.tokens.vocabulary import Vocabulary

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LEAST_CONTEXT, MOST_CONTEXT = 8, 1 << 20


@dataclass(frozen=True)
class ExportLanguage(CodeLanguage):
    """The tokens and sequences of an export, of which each document is a head, codes, and an end.

    words: its vocabulary.  Of has_bos, has_eos and has_prefix the head and the end are made.
    """

    words: Vocabulary = field(default_factory=lambda: Vocabulary(1))
    has_bos: bool = False
    has_eos: bool = False
    has_prefix: bool = False

    @property
    def vocabulary(self) -> Vocabulary:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The ids of all tokens."""
        return self.words

    @cached_property
    def predicted(self) -> Tokens:
        """The ids of the symbols: units, and the end."""
        return np.append(np.arange(self.words.num_units) + self.words.offset, self.eos)

    def head(self, speaker: str | None = None) -> Tokens:
        """Return what stands before the codes; where that is nothing, the end of the document before."""
        head = [self.words.special("<|bos|>")] if self.has_bos else []
        if speaker in self.speakers:
            head.append(self.words.speaker(speaker))
        if self.has_prefix:
            head.append(self.words.special("<|speech|>"))
        if not head and not self.has_eos:
            raise VqaudioError(
                "the export has no BOS, EOS or prefix, so its model knows no beginning; export again with --bos or "
                "--eos and train on that, or generate after a prompt and `vqaudio decode` the ids"
            )
        return np.array(head or [self.eos], dtype=np.int64)


@dataclass(frozen=True)
class Context:
    """How far a model looks back, its own position included."""

    context_tokens: int


class CheckpointPrior(nn.Module):
    """A causal language model of transformers as a prior: ids -> logits of the next symbol."""

    def __init__(self, network: Any, language: ExportLanguage) -> None:
        super().__init__()
        self.network, self.language = network, language
        known = getattr(network.config, "max_position_embeddings", None)
        self.config = Context(known if isinstance(known, int) and known >= LEAST_CONTEXT else MOST_CONTEXT)
        self.register_buffer("_predicted", torch.from_numpy(language.predicted), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.device

    def forward(self, tokens: Tensor, cache: Any = None) -> Tensor:
        """Compute the logits of the symbol after each id.

        tokens: `b n` int64.  cache: a transformers Cache, extended by these.  Returns `b n v` float32.
        """
        out = self.network(input_ids=tokens, past_key_values=cache, use_cache=cache is not None)
        logits = out.logits[..., self._predicted].float()
        if not self.language.has_eos:  # never seen in training
            logits[..., -1] = -torch.inf
        return logits


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder holds a model of transformers that no prior of vqaudio is."""
    try:
        content = parse_json((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "model_type" in content and "vqaudio" not in content


def open_checkpoint(folder: Path, language: ExportLanguage, device: str | torch.device = "cpu") -> CheckpointPrior:
    """Open a checkpoint in eval mode.

    Raises VqaudioError if its weights are no safetensors or not whole, if it is no causal language model, or if it has
    fewer ids than the export.
    """
    _require_safetensors(folder)
    try:
        from transformers import AutoModelForCausalLM
    except ImportError:
        raise VqaudioError('a checkpoint needs transformers: pip install "vqaudio[hf]"') from None
    try:
        opened: Any = AutoModelForCausalLM.from_pretrained(
            str(folder.resolve()),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",  # not what config.json names, which may be fetched from the hub
            output_loading_info=True,
        )
    except Exception as error:  # the library raises what its parts raise
        raise VqaudioError(f"{folder} is no causal language model that transformers opens: {_line(error)}") from None
    network, found = opened
    if missing := sorted([*found["missing_keys"], *map(str, found["mismatched_keys"])]):
        raise VqaudioError(f"{folder} lacks weights, such as {missing[0]}; save the model again")
    num_ids = network.get_output_embeddings().weight.shape[0]
    if num_ids <= language.predicted.max():
        raise VqaudioError(
            f"{folder} has {num_ids} ids, the export needs {language.predicted.max() + 1}; is it of another export?"
        )
    return CheckpointPrior(network.requires_grad_(False), language).to(find_device(device)).eval()


def _require_safetensors(folder: Path) -> None:
    if any((folder / name).is_file() for name in WEIGHTS):
        return
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    raise VqaudioError(
        f"{folder} has no model.safetensors"
        + (f", and {pickles[0]} is a pickle, which is never loaded" if pickles else "")
        + "; save the model with save_pretrained, or take a checkpoint folder of the Trainer"
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
