"""Rows back to files."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.decoding import decode_rows
from vqaudio.tokens.schema import TokenRow


class ToneDecoder:
    """Each frame is 320 samples of its first code."""

    def __init__(self, median_hz: float) -> None:
        self.num_given = 0

    def push(self, codes: np.ndarray, pitch: np.ndarray | None = None) -> np.ndarray:
        self.num_given += 320 * codes.shape[1]
        return np.repeat(codes[0], 320).astype(np.float32) / 32_768

    def finish(self, num_samples: int) -> np.ndarray:
        return np.zeros(num_samples - self.num_given, dtype=np.float32)


def rows(num_rows: int) -> Iterator[TokenRow]:
    for index in range(num_rows):
        yield TokenRow(f"{index}.flac", np.full((2, 3), index, dtype=np.uint16), 960, 16_000, 0.06)


class FailingDecoder(ToneDecoder):
    """Gives its first block, then fails."""

    def finish(self, num_samples: int) -> np.ndarray:
        raise VqaudioError("damaged")


def test_a_file_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="damaged"):
        list(decode_rows(rows(1), lambda name: tmp_path / "a" / "b.wav", FailingDecoder, sample_rate_hz=16_000))
    assert list((tmp_path / "a").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VqaudioError, match=r"file cannot be made"):
        list(decode_rows(rows(1), lambda name: tmp_path / "file" / "b.wav", ToneDecoder, sample_rate_hz=16_000))


@pytest.mark.parametrize("threads", [1, 3])
def test_every_row_is_written_once_and_stop_leaves_whole_files(tmp_path: Path, threads: int) -> None:
    stop = threading.Event()

    def path_of(name: str) -> Path:
        return tmp_path / f"{name}.wav"

    done = [row.id for row in decode_rows(rows(20), path_of, ToneDecoder, sample_rate_hz=16_000, num_threads=threads)]
    assert sorted(done) == sorted(row.id for row in rows(20))
    stopped = decode_rows(rows(10_000), path_of, ToneDecoder, sample_rate_hz=16_000, num_threads=threads, stop=stop)
    next(stopped)
    stop.set()
    assert len(list(stopped)) <= 2 * threads
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {44 + 2 * 960}


def test_as_many_files_are_in_work_as_there_are_threads_and_torchs_threads_come_back(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=60)

    class Waiting(ToneDecoder):
        def push(self, codes: np.ndarray, pitch: np.ndarray | None = None) -> np.ndarray:
            together.wait()
            assert torch.get_num_threads() == 1
            return super().push(codes)

    threads_before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        decoded = decode_rows(
            rows(6), lambda name: tmp_path / f"{name}.wav", Waiting, sample_rate_hz=16_000, num_threads=3
        )
        assert len(list(decoded)) == 6
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads_before)


def test_codes_reach_the_decoder_in_portions_and_of_the_first_codebooks_alone(tmp_path: Path) -> None:
    shapes = []

    class Recording(ToneDecoder):
        def push(self, codes: np.ndarray, pitch: np.ndarray | None = None) -> np.ndarray:
            shapes.append(codes.shape)
            return super().push(codes)

    long = TokenRow("long.wav", np.ones((3, 2_001), dtype=np.uint16), 320 * 2_001, 16_000, 40.02)
    for num_codebooks in (2, None):
        list(
            decode_rows(
                [long], lambda name: tmp_path / name, Recording, sample_rate_hz=16_000, num_codebooks=num_codebooks
            )
        )
    assert shapes == [(2, 1_000), (2, 1_000), (2, 1), (3, 1_000), (3, 1_000), (3, 1)]


def test_pitch_reaches_the_decoder_beside_its_codes_and_its_median_before(tmp_path: Path) -> None:
    given = []

    class Recording(ToneDecoder):
        def __init__(self, median_hz: float) -> None:
            super().__init__(median_hz)
            given.append(median_hz)

        def push(self, codes: np.ndarray, pitch: np.ndarray | None = None) -> np.ndarray:
            given.append(None if pitch is None else (codes.shape[1], pitch.tolist()))
            return super().push(codes)

    pitch = np.arange(1_003, dtype=np.uint16) % 30
    codes, facts = np.ones((1, 1_003), dtype=np.uint16), (320 * 1_003, 16_000, 20.06)
    rows = [TokenRow("a.wav", codes, *facts, pitch=pitch, pitch_median_hz=123.0), TokenRow("b.wav", codes, *facts)]
    list(decode_rows(rows, lambda name: tmp_path / name, Recording, sample_rate_hz=16_000))
    assert given == [123.0, (1_000, pitch[:1_000].tolist()), (3, pitch[1_000:].tolist()), 0.0, None, None]
