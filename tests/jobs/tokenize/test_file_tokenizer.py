"""The piece of work that every engine hands out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vqaudio.audio.files import read_audio
from vqaudio.jobs.sources import Source, find_sources
from vqaudio.jobs.tokenize.file_tokenizer import BlockEncoder, FileTokenizer
from vqaudio.jobs.tokenize.readers import Decoded, InlineReader

RATE_HZ = 16_000


def test_a_batch_of_columns_gives_a_row_for_each_file_and_the_codes_of_the_file_alone(
    recordings: Path, make_encoder: Callable[[], BlockEncoder], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("words")
    sources = [*find_sources(recordings), Source("broken.wav", str(broken))]
    tokenizer = FileTokenizer(make_encoder, RATE_HZ, lambda: InlineReader(0.07))
    rows = tokenizer({"id": [source.id for source in sources], "path": [source.path for source in sources]})
    assert rows["id"] == [source.id for source in sources]
    for number, source in enumerate(sources[:-1]):
        samples, encoder = read_audio(source.path, RATE_HZ), make_encoder()
        whole = np.concatenate([encoder.push(samples), encoder.finish()], axis=1)
        assert rows["codes"][number] == whole.tolist()
        assert rows["num_samples"][number] == len(samples)
        assert rows["reason"][number] is None
    assert rows["codes"][-1] is None
    assert "not audio" in rows["reason"][-1]


def test_a_file_without_samples_is_a_failure_though_its_decoder_was_content(
    make_encoder: Callable[[], BlockEncoder],
) -> None:
    outcome = FileTokenizer(make_encoder, RATE_HZ).encode(Source("a.wav", ""), lambda on_block: Decoded(0, RATE_HZ, ()))
    assert (outcome.codes, outcome.reason) == (None, "has no samples")
