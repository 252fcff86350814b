"""Samples as files: what is written is read back, and nothing is overwritten unasked."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.voice import sample_files
from vqaudio.jobs.voice.sample_files import (
    require_room,
    sample_name,
    start_folder,
    write_codes,
    write_picture,
    write_record,
    write_sound,
)
from vqaudio.jobs.voice.sampling import Samples
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.store import TokenStore

STAMP = CodecStamp("two", "ab" * 32, 16_000, 320, 2, 16)
CODES = [np.arange(2 * size).reshape(2, size) % 16 for size in (50, 7)]


def write_all(folder: Path) -> None:
    write_sound(folder, 0, np.full(320, 0.5, np.float32), STAMP)
    write_codes(folder, CODES, STAMP, "ada")
    write_record(folder, {"seed": 3, "speaker": "Zoë"})


def test_codes_are_a_store_and_a_list_of_the_same_numbers(tmp_path: Path) -> None:
    for _ in range(2):  # the second time in place of the first
        write_codes(tmp_path, CODES, STAMP, "ada")
    rows = list(TokenStore.open(tmp_path / "tokens"))
    lines = [json.loads(line) for line in (tmp_path / "codes.jsonl").read_text().splitlines()]
    assert [row.id for row in rows] == ["sample_00.wav", "sample_01.wav"]
    assert [line["id"] for line in lines] == ["sample_00", "sample_01"]
    for row, line, codes in zip(rows, lines, CODES, strict=True):
        assert row.codes.tolist() == line["codes"] == codes.tolist()
        assert (row.num_samples, row.speaker) == (codes.shape[1] * 320, "ada")
        assert row.seconds == pytest.approx(codes.shape[1] / 50)


def test_a_sound_has_the_codecs_rate_and_a_record_every_letter(tmp_path: Path) -> None:
    write_all(tmp_path)
    assert write_sound(tmp_path, 7, np.full(320, 0.5, np.float32), STAMP) == tmp_path / "sample_07.wav"
    assert soundfile.info(tmp_path / "sample_07.wav").samplerate == 16_000
    assert (tmp_path / "sample.json").read_text(encoding="utf-8") == '{\n  "seed": 3,\n  "speaker": "Zoë"\n}\n'
    assert sample_name(123) == "sample_123"
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path, {"loss": float("nan")})


@pytest.mark.parametrize("name", ["sample.json", "codes.jsonl", "sample_00.wav", "sample_11.png"])
def test_what_is_there_is_refused_and_only_that_is_removed_when_it_may_be(tmp_path: Path, name: str) -> None:
    require_room(tmp_path / "none", is_overwriting=False, has_pictures=False)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "mine.wav").touch()
    require_room(tmp_path, is_overwriting=False, has_pictures=False)
    (tmp_path / name).touch()
    with pytest.raises(VqaudioError, match="holds samples already; choose another --out, or --overwrite"):
        require_room(tmp_path, is_overwriting=False, has_pictures=False)
    require_room(tmp_path, is_overwriting=True, has_pictures=False)
    assert (tmp_path / name).exists()
    start_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.wav", "notes.txt"]


def test_the_library_for_pictures_is_sought_only_where_there_are_some(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: float) -> None:
        raise VqaudioError("no matplotlib")

    monkeypatch.setattr(sample_files, "new_figure", refuse)
    require_room(tmp_path, is_overwriting=False, has_pictures=False)
    with pytest.raises(VqaudioError, match="no matplotlib"):
        require_room(tmp_path, is_overwriting=False, has_pictures=True)


@pytest.mark.parametrize("prompt_frames", [0, 10])
def test_a_picture_shows_where_the_prompt_ends(tmp_path: Path, prompt_frames: int, monkeypatch) -> None:
    drawn = []

    class Figure:
        def savefig(self, path: Path, **_: object) -> None:
            path.write_bytes(b"png")

    monkeypatch.setattr(sample_files, "code_timeline", lambda *args: drawn.append(args) or Figure())
    sound = np.zeros(16_000, np.float32)
    path = write_picture(tmp_path, 0, sound, Samples(CODES, prompt_frames, None, 0.0), STAMP)
    assert (path.name, path.read_bytes()) == ("sample_00.png", b"png")
    ((_, rate_hz, codes, frame_rate_hz, parts),) = drawn
    assert (rate_hz, frame_rate_hz, codes.tolist()) == (16_000, 50.0, CODES[0][0].tolist())
    assert parts == ([Interval("prompt", 0.0, 0.2), Interval("sampled", 0.2, 1.0)] if prompt_frames else [])
