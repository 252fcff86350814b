"""The configuration of a prior: the shape of its network and what a sequence is made of."""

from dataclasses import dataclass

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.patterns import require_pattern


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a decoder-only transformer of the Llama family.

    width: of the embeddings.  num_layers, num_heads: of the transformer.  hidden: width inside the feed-forward layers.
    context_tokens: as far as it looks back, its own position included.  dropout: of embeddings and of what each layer
    adds, in training.  is_tied: one table for reading and for predicting.
    """

    width: int = 256
    num_layers: int = 4
    num_heads: int = 4
    hidden: int = 704
    context_tokens: int = 512
    dropout: float = 0.1
    is_tied: bool = True

    def __post_init__(self) -> None:
        if self.width % (2 * self.num_heads):
            raise VqaudioError(
                f"a width of {self.width} does not divide into {self.num_heads} heads of even width; change one of them"
            )
        if self.context_tokens < 8:
            raise VqaudioError(f"a context of {self.context_tokens} tokens is too short; wanted 8 or more")


@dataclass(frozen=True)
class SequenceConfig:
    """The form of the codes of a recording in a sequence.

    num_codebooks: the first codebooks of the store, 0 for all.  pattern: their order, see `tokens/patterns.py`.
    has_speakers: a token for the speaker stands before the codes.
    """

    num_codebooks: int = 1
    pattern: str = "delayed"
    has_speakers: bool = False

    def __post_init__(self) -> None:
        require_pattern(self.pattern)
        if self.pattern == "coarse-first":
            raise VqaudioError(
                "a prior cannot continue 'coarse-first' sequences: their number of frames is fixed before the first "
                "fine code; take 'delayed' or 'flattened'"
            )
