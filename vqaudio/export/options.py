"""The options of an export: every one of them is undone exactly by `DocumentCoder.decode`."""

from dataclasses import dataclass, replace

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.patterns import keeps_padding, require_pattern

PREFIXES = ("speaker", "text")


@dataclass(frozen=True)
class ExportOptions:
    """The options of one export, as export.json keeps them.

    format, style: see `formats/table.py`; style "" is the format's first one.
    num_codebooks: the first codebooks of the store to export, 0 for all.
    pattern: their order, see `tokens/patterns.py`.
    is_grid: `k s`, one row for each codebook with the padding of the pattern, in place of one stream; codes are
    0 ... codebook_size - 1 in every row, and the padding is codebook_size.
    is_deduplicated: equal neighbouring frames become one, their durations go into the document index.
    bpe_merges: pairs of units that become one token, most frequent first; 0 for none.
    has_bos, has_eos: a token before and after each document.
    prefix: "speaker" and "text" stand before the codes as tokens.
    context_tokens: documents are joined and cut to sequences of this length; 0 leaves each document whole.
    validation: the share of speakers that is held out.
    root: the folder whose files were tokenized, for formats that name files; "" for the current one, or unknown.
    """

    format: str
    style: str = ""
    num_codebooks: int = 0
    pattern: str = "flattened"
    is_grid: bool = False
    is_deduplicated: bool = False
    bpe_merges: int = 0
    has_bos: bool = False
    has_eos: bool = False
    prefix: tuple[str, ...] = ()
    context_tokens: int = 0
    validation: float = 0.05
    root: str = ""

    def __post_init__(self) -> None:
        require_pattern(self.pattern)
        unknown = [name for name in self.prefix if name not in PREFIXES]
        if unknown:
            raise VqaudioError(f"unknown prefix {unknown[0]!r}; of {', '.join(PREFIXES)}")
        if self.bpe_merges < 0 or self.context_tokens < 0 or self.context_tokens == 1:
            raise VqaudioError(
                f"wanted 0 or more BPE merges and a context of 2 or more tokens (0: none), got {self.bpe_merges} and "
                f"{self.context_tokens}"
            )
        if self.is_grid and (self.bpe_merges or self.context_tokens or self.has_bos or self.has_eos or self.prefix):
            raise VqaudioError(
                "a grid of codes has a row for each codebook and no place for single tokens: leave out BPE, BOS, EOS, "
                "prefixes and the context"
            )
        if not 0 <= self.validation < 1:
            raise VqaudioError(f"the share held out must be 0 or more and below 1, got {self.validation}")

    def with_codebooks(self, num_stored: int) -> "ExportOptions":
        """Return the same options for a store of `num_stored` codebooks.

        Raises VqaudioError if it has fewer than wanted.
        """
        if not 0 <= self.num_codebooks <= num_stored:
            raise VqaudioError(f"the store holds {num_stored} codebooks, {self.num_codebooks} are wanted")
        return replace(self, num_codebooks=self.num_codebooks or num_stored)

    @property
    def has_padding(self) -> bool:
        """Whether the stream needs a padding unit."""
        return self.num_codebooks > 1 and keeps_padding(self.pattern)
