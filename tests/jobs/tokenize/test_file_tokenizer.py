"""The piece of work that every engine hands out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vqaudio.audio.files import read_audio
from vqaudio.jobs.sources import Source, find_sources
from vqaudio.jobs.tokenize.file_tokenizer import BlockEncoder, FileTokenizer, Outcome, Summary
from vqaudio.jobs.tokenize.readers import Decoded, InlineReader
from vqaudio.tokens.schema import CodecStamp

RATE_HZ = 16_000


def test_a_file_has_the_codes_of_its_samples_encoded_whole_and_a_broken_one_a_reason(
    recordings: Path, make_encoder: Callable[[], BlockEncoder], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("words")
    tokenizer, reader = FileTokenizer(make_encoder, RATE_HZ), InlineReader(0.07)
    for source in [*find_sources(recordings), Source("broken.wav", str(broken))]:
        outcome = tokenizer.encode(source, partial(reader.read, source.path, RATE_HZ))
        if source.id == "broken.wav":
            assert outcome.codes is None
            assert (outcome.reason or "").startswith("not audio")  # the path stands beside it as the source's own
            continue
        samples, encoder = read_audio(source.path, RATE_HZ), make_encoder()
        whole = np.concatenate([encoder.push(samples), encoder.finish()], axis=1)
        assert outcome.codes is not None
        assert np.array_equal(outcome.codes, whole)
        assert (outcome.num_samples, outcome.reason) == (len(samples), None)


def test_a_file_without_samples_is_a_failure_though_its_decoder_was_content(
    make_encoder: Callable[[], BlockEncoder],
) -> None:
    outcome = FileTokenizer(make_encoder, RATE_HZ).encode(Source("a.wav", ""), lambda on_block: Decoded(0, RATE_HZ, ()))
    assert (outcome.codes, outcome.reason) == (None, "has no samples")


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, MemoryError])
def test_an_encoder_that_fails_is_a_reason_and_a_mistake_of_the_program_is_none(
    make_encoder: Callable[[], BlockEncoder], kind: type[Exception]
) -> None:
    def fail(error: Exception) -> Decoded:
        raise error

    tokenizer, source = FileTokenizer(make_encoder, RATE_HZ), Source("a.wav", "")
    outcome = tokenizer.encode(source, lambda on_block: fail(kind("no room")))
    assert outcome == Outcome(source, reason=f"the encoder failed: {kind.__name__}: no room")
    with pytest.raises(KeyError):
        tokenizer.encode(source, lambda on_block: fail(KeyError()))


def test_the_rate_of_a_summary_is_that_of_all_codebooks() -> None:
    summary = Summary(num_frames=500, stamp=CodecStamp("speech", "ab" * 32, 16_000, 320, 4, 1_024))
    assert "codes     2,000: 4 codebooks at 50 Hz, 2.00 kbit/s" in summary.lines(1.0)
