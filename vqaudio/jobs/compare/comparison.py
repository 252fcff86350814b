"""A comparison of tokenizers on the same recordings: quality, phones, and the facts of each."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_tokenizer
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.compare.facts import Facts, measure_facts
from vqaudio.jobs.compare.resampled import ResampledTokenizer
from vqaudio.jobs.evaluate.evaluation import evaluate
from vqaudio.jobs.evaluate.outside_codecs import parse_reference_codec
from vqaudio.jobs.evaluate.reference_codecs import ReferenceCodec, TokenizerCodec
from vqaudio.jobs.evaluate.report import Report
from vqaudio.jobs.probe.corpus import join_labels
from vqaudio.jobs.probe.probing import ProbeOptions, probe_corpus
from vqaudio.jobs.probe.report import ProbeReport
from vqaudio.jobs.sources import Source
from vqaudio.jobs.stamps import stamp_of
from vqaudio.metrics.pair import missing_metrics
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

RATE_HZ = 16_000  # of all scores: that of wideband PESQ
METRICS = ("pesq_wb", "stoi", "visqol")


@dataclass(frozen=True)
class CompareOptions:
    """The options of a comparison.

    against: outside coders, as of `vqaudio evaluate --against`.  peers: codecs of which only the facts are told.
    metrics: None takes those of METRICS that can be measured.  alignments: phones, for probes; labels: their map.
    num_timed: recordings for speed and batches, spread over all.
    """

    against: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    metrics: tuple[str, ...] | None = None
    alignments: Path | None = None
    labels: str = "arpabet-39"
    num_timed: int = 8
    num_workers: int = 0


@dataclass(frozen=True)
class Comparison:
    """The result, codecs by their names.

    report: the scores; None where no codec has sound.  probes: of the first codebook; empty without alignments.
    not_measured: of METRICS, and why.
    """

    facts: tuple[Facts, ...]
    report: Report | None
    probes: Mapping[str, ProbeReport]
    not_measured: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Convert to plain dicts and lists."""
        return {
            "codecs": [asdict(facts) for facts in self.facts],
            "evaluation": None if self.report is None else self.report.to_json(),
            "not_measured": dict(self.not_measured),
            "probes": {name: probe.to_json() for name, probe in self.probes.items()},
        }


def compare(
    names: Sequence[str],
    sources: Sequence[Source],
    options: CompareOptions,
    on_step: Callable[[str], None] = lambda what: None,
    on_file: Callable[[float], None] = lambda audio_s: None,
) -> Comparison:
    """Compare codecs, opened by their names, on recordings.

    on_step: called with what begins now.  on_file: see `evaluate`.
    A recording that cannot be read, or that a codec refuses, is left out of what is measured, and counted in `report`.
    Raises VqaudioError for a codec that cannot be opened, two codecs of one name, and where no recording can be read.
    """
    codecs = {name: open_tokenizer(name) for name in [*names, *options.peers]}
    called = [codec.name for codec in codecs.values()]
    if len(set(called)) < len(called):
        raise VqaudioError(f"two of these codecs have one name: {', '.join(called)}; compare one of them at a time")
    facts = []
    for name, codec in codecs.items():
        on_step(f"{name}: speed, lengths, batches")
        facts.append(measure_facts(codec, name, timed_recordings(codec, sources, options.num_timed)))
    own, report, probes = {codecs[name].name: codecs[name] for name in names}, None, {}
    coders = [] if options.metrics == () else quality_coders(own, options)
    missing = missing_metrics(RATE_HZ) if coders and options.metrics is None else {}
    if coders:
        on_step("quality")
        metrics = [name for name in METRICS if name not in missing] if options.metrics is None else options.metrics
        report = evaluate(coders, sources, RATE_HZ, metrics=metrics, num_workers=options.num_workers, on_file=on_file)
    for name, codec in own.items() if options.alignments else ():
        on_step(f"{name}: phones")
        assert options.alignments is not None
        probes[name] = probe_codes(codec, sources, options.alignments, options.labels, on_step)
    return Comparison(tuple(facts), report, probes, {name: missing[name] for name in METRICS if name in missing})


def spread(sources: Sequence[Source], count: int) -> Sequence[Source]:
    """Choose recordings evenly over all of them."""
    count = min(count, len(sources))
    return [sources[place * len(sources) // count] for place in range(count)]


def timed_recordings(codec: AudioTokenizer, sources: Sequence[Source], count: int) -> list[NDArray[np.float32]]:
    """Read up to count recordings `n`, evenly over all, that can be read and that the codec takes.

    Raises VqaudioError, that of the last one, if there is none.
    """
    found, reason = [], None
    for source in spread(sources, count):
        try:
            samples = read_audio(source.path, codec.grid.sample_rate_hz)
            codec.encode(torch.from_numpy(samples)[None, None])
            found.append(samples)
        except VqaudioError as error:
            reason = error
    if reason is not None and not found:
        raise reason
    return found


def quality_coders(codecs: Mapping[str, AudioTokenizer], options: CompareOptions) -> list[ReferenceCodec]:
    """Make the coders that give sound, at the rate of the scores: codecs at all their codebooks, then outside ones."""
    coders: list[ReferenceCodec] = []
    for codec in codecs.values():
        if isinstance(codec, UnitsTokenizer):
            continue
        at_rate = codec if codec.grid.sample_rate_hz == RATE_HZ else ResampledTokenizer(codec, RATE_HZ)
        coders.append(TokenizerCodec(at_rate, [codec.num_codebooks]))
    return [*coders, *(parse_reference_codec(text, RATE_HZ) for text in options.against)]


def probe_codes(
    codec: AudioTokenizer,
    sources: Sequence[Source],
    alignments: Path,
    labels: str,
    on_step: Callable[[str], None] = lambda what: None,
) -> ProbeReport:
    """Probe the first codebook's codes of all recordings against phones.  on_step: called with what is left out."""
    rate_hz = codec.grid.sample_rate_hz
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        with TokenWriter(Path(folder) / "tokens", stamp_of(codec, 1)) as writer:
            for source in sources:
                try:
                    samples = read_audio(source.path, rate_hz)
                    codes = codec.encode(torch.from_numpy(samples)[None, None], num_codebooks=1)[0].cpu().numpy()
                except VqaudioError as error:
                    on_step(f"{codec.name}: {source.id} is left out: {error}")
                    continue
                facts = {"num_samples": len(samples), "source_rate_hz": rate_hz, "seconds": len(samples) / rate_hz}
                writer.append(TokenRow(source.id, codes, **facts))
        store = TokenStore.open(Path(folder) / "tokens")
        corpus = join_labels(store, alignments, labels=labels)
        return probe_corpus(store, corpus, ProbeOptions(labels=labels, accepts_few_frames=True))
