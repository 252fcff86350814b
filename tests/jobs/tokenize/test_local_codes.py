"""Nothing that runs beside a file can touch its codes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqaudio.jobs.sources import Source, find_sources
from vqaudio.jobs.tokenize.file_tokenizer import BlockEncoder, FileTokenizer
from vqaudio.jobs.tokenize.local import LocalRun
from vqaudio.jobs.tokenize.readers import AudioFileReader, InlineReader, ProcessReader

RATE_HZ = 16_000


def run(
    sources: list[Source],
    make_encoder: Callable[[], BlockEncoder],
    *,
    batch_size: int = 4,
    threads: int = 2,
    workers: int = 0,
    block_s: float = 0.05,
) -> dict[str, list[list[int]]]:
    readers: list[AudioFileReader] = [ProcessReader(block_s) for _ in range(workers)]
    readers = readers or [InlineReader(block_s)]
    tokenizer = FileTokenizer(make_encoder, RATE_HZ)
    job = LocalRun(sources, tokenizer, readers, num_threads=threads, num_in_flight=batch_size)
    return {outcome.source.id: [] if outcome.codes is None else outcome.codes.tolist() for outcome in job.outcomes()}


@pytest.mark.parametrize(
    "way",
    [
        {"batch_size": 1},
        {"batch_size": 7},
        {"batch_size": 32},
        {"threads": 1},
        {"threads": 5},
        {"workers": 1},
        {"workers": 4},
        {"block_s": 10.0},
    ],
)
def test_codes_do_not_depend_on_the_way_they_are_made(
    way: dict[str, int], recordings: Path, make_encoder: Callable[[], BlockEncoder], bounded: Callable
) -> None:
    sources = find_sources(recordings)
    reference = bounded(lambda: run(sources, make_encoder))
    assert len(reference) == 12
    assert all(codes and codes[0] for codes in reference.values())
    assert bounded(lambda: run(sources, make_encoder, **way)) == reference


def test_codes_do_not_depend_on_the_order(
    recordings: Path, make_encoder: Callable[[], BlockEncoder], bounded: Callable
) -> None:
    sources = find_sources(recordings)
    assert bounded(lambda: run(sources[::-1], make_encoder)) == bounded(lambda: run(sources, make_encoder))


def test_an_encoder_shared_between_files_would_be_noticed(
    recordings: Path, make_encoder: Callable[[], BlockEncoder], bounded: Callable
) -> None:
    """The wrong variant: state that survives a file, as in a batch padded without care, must change the codes."""
    sources = find_sources(recordings)
    shared = make_encoder()
    one, own = (bounded(lambda make=make: run(sources, make, threads=1)) for make in (lambda: shared, make_encoder))
    assert one != own
