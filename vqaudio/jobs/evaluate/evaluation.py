"""Evaluation of coders on the same files: encode, decode, score, and report the coverage of every mean."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.reference_codecs import STABILITY, Reconstruction, ReferenceCodec, TokenizerCodec
from vqaudio.jobs.evaluate.report import Report, Row, codebook_health
from vqaudio.jobs.evaluate.scoring import Pair, score_pairs
from vqaudio.jobs.sources import Source, find_sources
from vqaudio.metrics.bootstrap import mean_score
from vqaudio.metrics.pair import METRICS, check_metrics, missing_metrics

Scores = dict[tuple[str, str], dict[str, dict[str, float]]]  # (coder, setting) -> id -> metric -> score
OnMade = Callable[[str, str, Reconstruction], None]


def choose_sources(root: Path, listed: Path | None = None) -> list[Source]:
    """List the audio files of a folder, or those that a text file names, one id a line.

    Raises VqaudioError if there are none or if a listed one is not there.
    """
    if listed is None:
        return find_sources(root)
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"the list {listed} cannot be read: {error}") from error
    ids = [line.strip() for line in lines if line.strip()]
    missing = [name for name in ids if not (root / name).is_file()]
    if missing or not ids:
        raise VqaudioError(
            f"{listed} names {len(ids)} files, of which {len(missing)} are not below {root} {missing[:3]}; "
            "wanted one path relative to the folder on each line"
        )
    return [Source(name, str(root / name)) for name in ids]


def choose_metrics(named: Sequence[str] | None, sample_rate_hz: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Choose the metrics to measure, and list those that cannot be with their reasons.

    named: None takes all that can be measured.  Raises VqaudioError if one that is named cannot be.
    """
    missing = missing_metrics(sample_rate_hz)
    if named is None:
        return tuple(name for name in METRICS if name not in missing), missing
    names = check_metrics(named)
    for name in names:
        if name in missing:
            raise VqaudioError(f"{name} cannot be measured: {missing[name]}")
    return names, {}


class _Run:
    """The state of an evaluation: it walks files and coders, yields pairs, and collects failures and statistics."""

    def __init__(
        self, coders: Sequence[ReferenceCodec], sources: Sequence[Source], sample_rate_hz: int, on_made: OnMade
    ) -> None:
        self.coders, self.sources, self.sample_rate_hz, self._on_made = coders, sources, sample_rate_hz, on_made
        self.failures: list[dict[str, str]] = []
        self.seconds = 0.0
        self.scores: Scores = {(coder.name, setting): {} for coder in coders for setting in coder.settings}

    def pairs(self, on_file: Callable[[float], None]) -> Iterator[Pair]:
        for source in self.sources:
            try:
                if source.refusal:
                    raise VqaudioError(source.refusal)
                reference = read_audio(source.path, self.sample_rate_hz)
            except VqaudioError as error:
                self.failures.append({"id": source.id, "coder": "", "reason": str(error)})
                on_file(self.seconds)
                continue
            self.seconds += len(reference) / self.sample_rate_hz
            for coder in self.coders:
                try:
                    for made in coder.reconstruct(source.id, reference):
                        row = self.scores[coder.name, made.setting].setdefault(source.id, {})
                        row.update(made.stability)
                        self._on_made(source.id, coder.name, made)
                        yield Pair((source.id, coder.name, made.setting), reference, made.samples)
                except (
                    VqaudioError,
                    OSError,
                    soundfile.SoundFileError,
                ) as error:  # of the disk, while programs are given their files
                    self.failures.append({"id": source.id, "coder": coder.name, "reason": str(error)})
            on_file(self.seconds)

    def rows(self, names: Sequence[str]) -> Iterator[Row]:
        """Average over all files asked for: one that could not be read or decoded is left out, and counted."""
        for coder in self.coders:
            rates = coder.rates()
            for setting in coder.settings:
                files = self.scores[coder.name, setting]
                columns = [*names, *STABILITY] if isinstance(coder, TokenizerCodec) else names
                num_absent = len(self.sources) - len(files)
                means = {}
                for name in columns:
                    values = [scores.get(name, math.nan) for scores in files.values()]
                    means[name] = mean_score(
                        values, fill=METRICS[name].fill if name in METRICS else None, num_absent=num_absent
                    )
                yield Row(coder.name, setting, rates[setting], means)


def evaluate(
    coders: Sequence[ReferenceCodec],
    sources: Sequence[Source],
    sample_rate_hz: int,
    *,
    metrics: Sequence[str] | None = None,
    num_workers: int = 0,
    on_file: Callable[[float], None] = lambda audio_s: None,
    on_made: OnMade = lambda source_id, coder, made: None,
) -> Report:
    """Evaluate every coder on every file by all metrics.

    coders: with distinct names or settings.  sample_rate_hz: at which all of them take and give audio.
    metrics: None takes all that can be measured here; the report says which could not, and why.
    num_workers: scoring processes, 0: this one.  on_file: called after each file with the
    seconds of audio read so far.  on_made: called with a file's id, the coder's name and each decoding.
    Raises VqaudioError when no file can be read, for metrics that cannot be measured or when two rows have one name.
    """
    names, not_measured = choose_metrics(metrics, sample_rate_hz)
    labels = [(coder.name, setting) for coder in coders for setting in coder.settings]
    if len(set(labels)) < len(labels):
        raise VqaudioError(f"two rows of the table have one name: {labels}")
    run = _Run(coders, sources, sample_rate_hz, on_made)
    with _thread_beside(num_workers):
        for (source_id, coder, setting), scores in score_pairs(run.pairs(on_file), sample_rate_hz, names, num_workers):
            run.scores[coder, setting][source_id].update(scores)
    if not run.seconds:
        raise VqaudioError(f"none of {len(sources)} files holds audio; the first reason: {run.failures[:1]}")
    health = tuple(entry for coder in coders if isinstance(coder, TokenizerCodec) for entry in codebook_health(coder))
    rows, failures = tuple(run.rows(names)), tuple(run.failures)
    notes = tuple(coder.note for coder in coders if isinstance(coder, TokenizerCodec) and coder.note)
    return Report(len(sources), run.seconds, sample_rate_hz, rows, health, failures, not_measured, notes)


@contextmanager
def _thread_beside(num_workers: int) -> Iterator[None]:
    """Limit torch to one thread while scoring processes run: two that wait for each other stall on a busy core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if num_workers else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
