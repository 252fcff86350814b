"""Decoding of utterances: a whole corpus into one int16 array, or one segment of one file."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from vqaudio.audio.files import audio_info, read_audio
from vqaudio.audio.resampling import num_resampled
from vqaudio.audio.samples import to_int16
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance

MARGIN_S = 0.05  # read around a crop, so that the resampling filter does not see an edge: soxr HQ needs under 10 ms


def decode(utterance: Utterance, sample_rate_hz: int) -> np.ndarray:
    """Decode an utterance to `n` int16 at `sample_rate_hz`, mono.

    Raises VqaudioError, naming the file, if it cannot be read or holds no sample, NaN or infinity.
    """
    return to_int16(read_audio(utterance.path, sample_rate_hz, utterance.start_s or 0.0, utterance.end_s))


def decode_corpus(
    utterances: Sequence[Utterance], sample_rate_hz: int, *, workers: int, padding_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decode all utterances end to end, then `padding_samples` zeros: (`n` int16, lengths `u` int64).

    Raises VqaudioError naming the utterance that cannot be decoded.
    """
    parts = list(in_threads(lambda utterance: decode(utterance, sample_rate_hz), utterances, workers, "decoding"))
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    whole = np.zeros(int(lengths.sum()) + padding_samples, dtype=np.int16)
    parts.reverse()
    start = 0
    while parts:  # each part is freed as soon as it is copied: the corpus is held once, not twice
        part = parts.pop()
        whole[start : start + len(part)] = part
        start += len(part)
    return whole, lengths


def corpus_lengths(utterances: Sequence[Utterance], sample_rate_hz: int, *, workers: int) -> np.ndarray:
    """Read the length of each utterance from the files' headers: `u` int64, samples at `sample_rate_hz`."""
    lengths = in_threads(
        lambda utterance: _header_length(utterance, sample_rate_hz), utterances, workers, "reading headers"
    )
    return np.array(list(lengths), dtype=np.int64)


def decode_stretch(utterance: Utterance, sample_rate_hz: int, start: int, num_samples: int) -> np.ndarray:
    """Decode `num_samples` float32 from sample `start` of the utterance, both counted at `sample_rate_hz`.

    Seeks in the file and decodes only the segment and a margin; zeros follow where the file ends early.
    """
    source_rate_hz = audio_info(utterance.path).sample_rate_hz
    # The read begins where a sample of the file and one of ours coincide: every `period` of our samples.
    period = sample_rate_hz // math.gcd(sample_rate_hz, source_rate_hz)
    first = round((utterance.start_s or 0.0) * sample_rate_hz) + start
    margin = 0 if source_rate_hz == sample_rate_hz else math.ceil(MARGIN_S * sample_rate_hz)
    read_from = max(0, first - margin) // period * period
    stop_s = (first + num_samples + margin) / sample_rate_hz
    samples = read_audio(utterance.path, sample_rate_hz, read_from / sample_rate_hz, stop_s)
    segment = np.zeros(num_samples, dtype=np.float32)
    samples = samples[first - read_from :][:num_samples]
    segment[: len(samples)] = samples
    return segment


def in_threads(
    work: Callable[[Utterance], Any], utterances: Sequence[Utterance], workers: int, label: str
) -> Iterator[Any]:
    """Run `work` on each utterance in `workers` threads, in order, with a progress bar on a terminal.

    libsndfile and soxr let go of the interpreter while they work, so threads are enough.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        results = pool.map(work, utterances)
        try:
            yield from track(
                results, label, len(utterances), console=console, disable=not console.is_terminal, transient=True
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _header_length(utterance: Utterance, sample_rate_hz: int) -> int:
    info = audio_info(utterance.path)
    first = round((utterance.start_s or 0.0) * info.sample_rate_hz)
    stop = info.num_samples
    if utterance.end_s is not None:
        stop = min(stop, round(utterance.end_s * info.sample_rate_hz))
    if stop <= first:
        raise VqaudioError(
            f"utterance {utterance.id} of {utterance.path} holds no sample; take it out of the corpus or correct its "
            f"time marks"
        )
    return num_resampled(stop - first, info.sample_rate_hz, sample_rate_hz)
