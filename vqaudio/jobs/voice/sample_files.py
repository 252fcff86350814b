"""Samples as files: wav, a picture of each, a token store, and a list of all codes that a person can read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.files import write_audio
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.voice.sampling import Samples
from vqaudio.probes.plots import code_timeline, new_figure
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

RECORD, CODES, TOKENS = "sample.json", "codes.jsonl", "tokens"
PICTURE_DPI = 75  # ten seconds are 45 inches wide


def require_room(folder: Path, *, is_overwriting: bool, has_pictures: bool) -> None:
    """Check that no samples are there yet, and that there is matplotlib where pictures are wanted.

    Raises VqaudioError if not.
    """
    if has_pictures:
        new_figure(1.0, 1.0)
    if not is_overwriting and _old_files(folder):
        raise VqaudioError(f"{folder} holds samples already; choose another --out, or --overwrite")


def start_folder(folder: Path) -> None:
    """Make the folder, and remove samples that are there.  Raises VqaudioError if it cannot be made."""
    make_folder(folder)
    try:
        for path in _old_files(folder):
            path.unlink()
    except OSError as error:
        raise VqaudioError(f"the samples in {folder} cannot be removed: {error.strerror}") from None


def _old_files(folder: Path) -> list[Path]:
    return [path for pattern in (RECORD, CODES, "sample_*.wav", "sample_*.png") for path in folder.glob(pattern)]


def sample_name(number: int) -> str:
    """Name a sample, without suffix."""
    return f"sample_{number:02}"


def write_sound(folder: Path, number: int, sound: NDArray[np.float32], stamp: CodecStamp) -> Path:
    """Write a sample's wav file.  sound: `n`."""
    path = folder / f"{sample_name(number)}.wav"
    write_audio(path, sound, stamp.sample_rate_hz)
    return path


def write_picture(folder: Path, number: int, sound: NDArray[np.float32], samples: Samples, stamp: CodecStamp) -> Path:
    """Draw a spectrogram above the first codebook's codes, the end of the prompt marked."""
    codes, rate_hz = samples.codes[number][0], stamp.frame_rate_hz
    prompt_s, end_s = samples.prompt_frames / rate_hz, len(codes) / rate_hz
    parts = [Interval("prompt", 0.0, prompt_s), Interval("sampled", prompt_s, end_s)] if prompt_s else []
    figure = code_timeline(sound, stamp.sample_rate_hz, codes, rate_hz, parts)
    path = folder / f"{sample_name(number)}.png"
    replace_durably(path, lambda temporary: figure.savefig(temporary, format="png", dpi=PICTURE_DPI))
    return path


def write_codes(folder: Path, codes: Sequence[NDArray[np.int64]], stamp: CodecStamp, speaker: str | None) -> None:
    """Write `tokens/`, a store that every verb reads, and `codes.jsonl`, a line for each sample."""
    with TokenWriter(folder / TOKENS, stamp, mode="overwrite") as writer:
        for number, sample_codes in enumerate(codes):
            num_samples = sample_codes.shape[1] * stamp.hop_samples
            seconds = num_samples / stamp.sample_rate_hz
            name = f"{sample_name(number)}.wav"
            writer.append(TokenRow(name, sample_codes, num_samples, stamp.sample_rate_hz, seconds, speaker))
    records = [{"id": sample_name(number), "codes": sample_codes.tolist()} for number, sample_codes in enumerate(codes)]
    lines = [json.dumps(record) + "\n" for record in records]
    replace_durably(folder / CODES, lambda path: path.write_text("".join(lines), encoding="utf-8"))


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    """Write `sample.json`, the settings of the sampling.  It is written last: where it is, everything is."""
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    replace_durably(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))
