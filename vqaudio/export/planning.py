"""The preparation of an export: speakers and merges are found first, and with them the id of every token."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.documents import DocumentCoder, units_of
from vqaudio.export.formats.table import format_of
from vqaudio.export.merging import MERGES_FILE, UnitMerges
from vqaudio.export.options import ExportOptions
from vqaudio.export.tokenizer import TOKENIZER, TextTokenizer
from vqaudio.tokens.shards import open_listed
from vqaudio.tokens.splits import hash_share, split_of
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.vocabulary import Vocabulary

MERGE_SAMPLE_UNITS = 4_000_000  # merges are found in as many units at most, spread over the training documents


def make_coder(store: TokenStore, options: ExportOptions, folder: Path, extend: Path | None) -> DocumentCoder:
    """Read the speakers, learn the merges and extend the text tokenizer, as far as the options want them.

    folder: where the export grows; merges that it has already are kept.
    Raises VqaudioError if the vocabulary is too large for the format.
    """
    # What the vocabulary holds: codes, merges, and the text tokenizer that it continues.
    stamp = store.stamp
    num_codes = stamp.codebook_size * (1 if options.is_grid else options.num_codebooks)  # a grid: of every row
    merges = _merges(store, options, folder, num_codes + options.has_padding) if options.bpe_merges else None
    text = TextTokenizer(extend) if extend else None
    vocabulary = Vocabulary(
        num_codes=num_codes,
        has_pad=options.has_padding or options.is_grid,
        merges=merges.merges if merges else (),
        has_bytes="text" in options.prefix and text is None,
        speakers=_speakers(store) if "speaker" in options.prefix else (),
        offset=text.size if text else 0,
    )
    # The ids must fit the numbers of the format.
    limit = format_of(options.format, options.style).max_vocabulary
    if limit and vocabulary.size > limit:
        raise VqaudioError(
            f"{vocabulary.size} tokens do not fit the format {options.format}, which has room for {limit}; "
            "fewer codebooks or merges do, or another format"
        )
    if text:
        text.save_extended(folder / TOKENIZER, vocabulary)
    return DocumentCoder(
        options,
        stamp.codebook_size,
        vocabulary,
        merge=merges.encode if merges else None,
        text_ids=text.text_ids() if text else None,
    )


def _merges(store: TokenStore, options: ExportOptions, folder: Path, num_units: int) -> UnitMerges:
    if not (folder / MERGES_FILE).exists():
        UnitMerges.train(_sample(store, options), num_units, options.bpe_merges).save(folder)
    return UnitMerges.load(folder, num_units)


def _sample(store: TokenStore, options: ExportOptions) -> Iterator[np.ndarray]:
    """Sample the units of training documents by the hash of their ids: never those that are held out."""
    num_units = store.manifest.counts()["frames"] * options.num_codebooks
    share = MERGE_SAMPLE_UNITS / max(1, num_units)
    for row in store:
        if split_of(row.speaker, row.id, options.validation) == "train" and hash_share(f"merges {row.id}") < share:
            yield units_of(row, options, store.stamp.codebook_size)[0]


def _speakers(store: TokenStore) -> tuple[str, ...]:
    """List all speakers, in the order of the store: new files add new ones at the end."""
    speakers: dict[str, None] = {}
    for shard in store.manifest.shards:
        with open_listed(store.folder, shard) as file:
            speakers.update(dict.fromkeys(filter(None, file.read(columns=["speaker"]).column(0).to_pylist())))
    return tuple(speakers)
