"""Damaged recordings are read, or refused in words; the process that reads them may die, the run may not."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.tokenize.readers import ProcessReader

RATE_HZ = 16_000
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_24"}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_damaged_recording_is_read_or_refused_in_words(suffix: str, mutations, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal((RATE_HZ // 2, 2)), 22_050, subtype=FORMATS[suffix])
    whole, reader = path.read_bytes(), ProcessReader()

    def read(content: bytes) -> np.ndarray:
        path.write_bytes(content)
        blocks: list[np.ndarray] = []
        decoded = reader.read(str(path), RATE_HZ, blocks.append)
        samples = np.concatenate(blocks)
        assert len(samples) == decoded.num_samples
        return samples

    try:
        wanted = read(whole)
        for name, content in mutations(whole, share=len(FORMATS)):
            try:
                assert np.isfinite(read(content)).all(), name
            except VqaudioError:
                continue
        assert np.array_equal(read(whole), wanted)  # whatever the damage did to the process, the next file is read
    finally:
        reader.close()
