"""The prior that `vqaudio sample --prior` names: one of vqaudio, or a checkpoint that learned from an export."""

from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.core.errors import VqaudioError

if TYPE_CHECKING:
    from vqaudio.export.record import ExportRecord
    from vqaudio.prior.checkpoint import CheckpointPrior, ExportLanguage
    from vqaudio.prior.model import Prior


def open_any_prior(name_or_folder: str, like: Path | None, device: str) -> "Prior | CheckpointPrior":
    """Open a prior, or a checkpoint of transformers' Trainer.

    like: the export that the checkpoint learned from; None looks for export.json in its folder and the one above.
    Raises VqaudioError if there is none, or the export's documents cannot be sampled code by code.
    """
    from vqaudio.codec.progress_bars import without_progress_bars
    from vqaudio.prior.checkpoint import is_checkpoint, open_checkpoint
    from vqaudio.prior.saving import open_prior

    folder = Path(name_or_folder)
    if not is_checkpoint(folder):
        if like is not None and folder.is_dir() and not (folder / "config.json").is_file():
            raise VqaudioError(f"{folder} has no config.json; wanted a checkpoint of transformers' Trainer")
        return open_prior(name_or_folder, device)
    language = language_of(_record_beside(folder, like))
    with without_progress_bars() if find_spec("transformers") else nullcontext():
        return open_checkpoint(folder, language, device)


def language_of(record: "ExportRecord") -> "ExportLanguage":
    """Describe the documents of an export to a sampler.

    Raises VqaudioError if they are made so that a sampler does not know which code may come next.
    """
    from dataclasses import replace

    from vqaudio.prior.checkpoint import ExportLanguage

    options = record.options
    odd = {
        "--grid": options.is_grid,
        "--bpe": options.bpe_merges > 0,
        "--deduplicate": options.is_deduplicated,
        "--interleave coarse-first": options.pattern == "coarse-first" and options.num_codebooks > 1,
    }
    if any(odd.values()):
        options_found = ", ".join(name for name, is_so in odd.items() if is_so)
        raise VqaudioError(
            f"a model of an export with {options_found} is not sampled code by code; let transformers generate, and "
            "`vqaudio decode IDS --like EXPORT` makes them sound"
        )
    return ExportLanguage(
        # A code for each frame, and no pitch.
        replace(record.stamp, num_codebooks=options.num_codebooks, segments=None, pitch_steps=0),
        "flattened" if options.pattern == "coarse-first" else options.pattern,
        record.vocabulary.speakers,
        words=record.vocabulary,
        has_bos=options.has_bos,
        has_eos=options.has_eos,
        has_prefix=bool(options.prefix),
    )


def _record_beside(folder: Path, like: Path | None) -> "ExportRecord":
    from vqaudio.export.record import RECORD, ExportRecord

    if like is not None:
        return ExportRecord.read(like)
    for place in (folder, folder.resolve().parent):
        if (place / RECORD).is_file():
            return ExportRecord.read(place)
    raise VqaudioError(f"{folder} does not say which export its model learned from; give it with --like EXPORT")
