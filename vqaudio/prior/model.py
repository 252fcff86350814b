"""The prior's network: transformers' Llama over the tokens of a code language."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.language import CodeLanguage

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM

INITIAL_SPREAD = 0.02  # standard deviation of fresh weights, as GPT-2's


class Prior(nn.Module):
    """The language model of codes: sequences of tokens -> logits of the next symbol.

    network: a plain LlamaForCausalLM, which other programs load without vqaudio.
    """

    def __init__(self, config: NetworkConfig, language: CodeLanguage) -> None:
        super().__init__()
        self.config, self.language = config, language
        self.network = _build_network(config, language)
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("_predicted", torch.from_numpy(language.predicted), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.lm_head.weight.device

    @property
    def num_parameters(self) -> int:
        """The number of weights, a shared table counted once."""
        return sum(value.numel() for value in self.parameters())

    def forward(self, tokens: Tensor, documents: Tensor | None = None, cache: Any = None) -> Tensor:
        """Compute the logits of the symbol after each token.

        tokens: `b n` int64.  documents: `b n`, the number of each token's document: it attends to its own only.
        cache: a transformers Cache with what came before, extended by these tokens.
        Returns `b n v` float32 over the symbols of the language.
        """
        mask = None if documents is None else _own_document(documents)
        hidden = self.network.model(
            inputs_embeds=self.dropout(self.network.model.embed_tokens(tokens)),
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        return self.network.lm_head(hidden)[..., self._predicted].float()


class DroppedLinear(nn.Linear):
    """A linear layer whose output is dropped out in training: Llama has no dropout of its own there."""

    def __init__(self, source: nn.Linear, dropout: float) -> None:
        super().__init__(source.in_features, source.out_features, bias=source.bias is not None)
        self.weight, self.bias, self.dropout = source.weight, source.bias, dropout

    def forward(self, input: Tensor) -> Tensor:
        """Project `... in` -> `... out`, with dropout in training."""
        return nn.functional.dropout(super().forward(input), self.dropout, self.training)


def new_cache() -> Any:
    """Make an empty cache of keys and values."""
    from transformers import DynamicCache

    return DynamicCache()


def llama_config(config: NetworkConfig, language: CodeLanguage) -> "LlamaConfig":
    """Describe the network's shape as a LlamaConfig.  Raises VqaudioError without transformers."""
    try:
        from transformers import LlamaConfig
    except ImportError:
        raise VqaudioError('a prior needs transformers: pip install "vqaudio[hf]"') from None
    vocabulary = language.vocabulary
    return LlamaConfig(
        vocab_size=vocabulary.size,
        hidden_size=config.width,
        intermediate_size=config.hidden,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        max_position_embeddings=config.context_tokens,
        initializer_range=INITIAL_SPREAD,
        tie_word_embeddings=config.is_tied,
        bos_token_id=vocabulary.special("<|bos|>"),
        eos_token_id=vocabulary.special("<|eos|>"),
        pad_token_id=vocabulary.special("<|pad|>"),
        architectures=["LlamaForCausalLM"],
    )


def _build_network(config: NetworkConfig, language: CodeLanguage) -> "LlamaForCausalLM":
    shape = llama_config(config, language)
    from transformers import LlamaForCausalLM

    network = LlamaForCausalLM(shape)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Linear) and name.endswith(("self_attn.o_proj", "mlp.down_proj")):
            network.set_submodule(name, DroppedLinear(module, config.dropout))
    return network


def _own_document(documents: Tensor) -> Tensor:
    """Make the causal attention mask within documents.

    documents: `b n`.  Returns `b 1 n n`: true where the second token is of the first one's document, not later.
    """
    is_same = documents[:, :, None] == documents[:, None, :]
    return torch.tril(is_same)[:, None]
