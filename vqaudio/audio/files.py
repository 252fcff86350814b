"""Reading and writing of sound files: mono float32 in [-1, 1] at the rate asked for.

Everything is read front to back in chunks of one fixed size and resampled by one streaming resampler, so that the
samples of a file are the same, bit for bit, whether it is read whole or in blocks of any length.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vqaudio.audio.checks import AudioReport, SampleChecks
from vqaudio.audio.ffmpeg import UNKNOWN_FRAMES, FfmpegFile
from vqaudio.audio.flac import samples_held
from vqaudio.audio.ogg import ogg_warnings
from vqaudio.audio.opening import ForwardFile, no_samples, open_sound, said, sound_name, truncation
from vqaudio.audio.resampling import in_blocks, mean_channel, resampled
from vqaudio.audio.samples import to_int16
from vqaudio.audio.sources import AudioSource, OpenFile, SoundPath, as_path, name_of, standing
from vqaudio.core.durable import replace_file
from vqaudio.core.errors import VqaudioError

CHUNK_VALUES = 65_536  # read at a time: samples x channels
SEGMENT_SLACK_S = 0.01  # lists of segments round their times to two or three decimals
MAX_SHORTFALL = 0.01  # MP3 headers only estimate their length


@dataclass(frozen=True)
class AudioInfo:
    """The header of a sound file.

    num_samples: per channel, at the file's own rate.
    """

    sample_rate_hz: int
    num_channels: int
    num_samples: int


def audio_info(source: AudioSource) -> AudioInfo:
    """Read the header of a sound file; the length of an MP3 file may be an estimate.

    source: a path, the bytes of a file, or an open one, which stays where it stands if it can seek.
    Raises VqaudioError if it is not a sound file.
    """
    with standing(source), as_path(source) as path, open_sound(path) as sound:
        if isinstance(sound, FfmpegFile):
            raise VqaudioError(f"{path}: only reading it to its end tells how long it is; convert it to FLAC first")
        num_samples = sound.frames if sound.frames != UNKNOWN_FRAMES else samples_held(path) or 0
        return AudioInfo(sound.samplerate, sound.channels, num_samples)


class AudioReader:
    """A reader of a sound file as mono float32 blocks at one rate, with a report after the last block.

    path: a path, the bytes of a file, or an open one, which is read once, from where it stands to its end.
    block_s: seconds in a block, start_s and end_s: the segment to read, all in seconds.
    Iteration raises VqaudioError if the file cannot be read to its end, holds no sample, or NaN or infinity.
    """

    def __init__(
        self,
        path: AudioSource,
        sample_rate_hz: int = 16_000,
        block_s: float = 30.0,
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> None:
        if sample_rate_hz < 1 or not block_s > 0:
            raise VqaudioError(f"wanted a rate and a block above 0, got {sample_rate_hz} Hz and {block_s} s")
        if not start_s >= 0 or (end_s is not None and not end_s > start_s):
            raise VqaudioError(f"{name_of(path)}: wanted 0 <= start_s < end_s, got {start_s} and {end_s}")
        self.path, self.sample_rate_hz, self.block_s = path, sample_rate_hz, block_s
        self.start_s, self.end_s = start_s, end_s
        self._report: AudioReport | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        self._report = None
        checks, num_samples = SampleChecks(), 0
        with as_path(self.path) as path, open_sound(path) as sound:
            parts = resampled(self._mono(path, sound, checks), sound.samplerate, self.sample_rate_hz)
            for block in in_blocks(parts, max(1, round(self.block_s * self.sample_rate_hz))):
                num_samples += len(block)
                yield block
            warnings = self._header_warnings(path, sound, checks) + checks.warnings()
            self._report = AudioReport(
                sound.samplerate, sound.channels, checks.num_frames, num_samples, tuple(warnings)
            )

    @property
    def report(self) -> AudioReport:
        """The report of what was read.  Raises VqaudioError before the last block."""
        if self._report is None:
            raise VqaudioError(
                f"{name_of(self.path)}: the report is there after the last block; iterate to the end first"
            )
        return self._report

    @property
    def warnings(self) -> list[str]:
        """Sentences about clipping, silence, truncation; after the last block."""
        return list(self.report.warnings)

    @property
    def source_rate_hz(self) -> int:
        """The file's own rate; after the last block."""
        return self.report.source_rate_hz

    @property
    def num_samples(self) -> int:
        """Samples read, at the rate asked for; after the last block."""
        return self.report.num_samples

    def _mono(self, path: SoundPath, sound: ForwardFile | FfmpegFile, checks: SampleChecks) -> Iterator[np.ndarray]:
        """Read the segment at the file's own rate, channels averaged."""
        rate_hz, chunk = sound.samplerate, max(1, CHUNK_VALUES // sound.channels)
        try:
            sound.skip(round(self.start_s * rate_hz))
            left = None if self.end_s is None else max(1, round(self.end_s * rate_hz) - round(self.start_s * rate_hz))
            while left is None or left > 0:
                block = sound.read(chunk if left is None else min(chunk, left), dtype="float32", always_2d=True)
                if not len(block):
                    break
                checks.add(block)
                left = None if left is None else left - len(block)
                yield mean_channel(block)
        except soundfile.LibsndfileError as error:
            at_s = self.start_s + checks.num_frames / rate_hz
            raise VqaudioError(f"{path}: damaged after {at_s:.2f} s: libsndfile says: {said(error)}") from None
        except VqaudioError as error:
            raise VqaudioError(f"{path}: {error}") from None
        if not checks.num_frames:
            is_whole = self.start_s == 0 and self.end_s is None
            reason = no_samples(path) if is_whole else f"no samples from {self.start_s} s on; the file ends before"
            raise VqaudioError(f"{path}: {reason}")

    def _header_warnings(self, path: SoundPath, sound: ForwardFile | FfmpegFile, checks: SampleChecks) -> list[str]:
        if self.start_s > 0 or self.end_s is not None:
            end_s = self.start_s + checks.num_frames / sound.samplerate
            is_short = self.end_s is not None and self.end_s - end_s > SEGMENT_SLACK_S
            return (
                [f"incomplete: the segment ends at {self.end_s:.2f} s, the file at {end_s:.2f} s"] if is_short else []
            )
        if isinstance(sound, FfmpegFile):
            return sound.warnings()
        if warning := truncation(sound):
            return [warning]
        if warnings := ogg_warnings(path, checks.num_frames / sound.samplerate):
            return warnings
        if (held := samples_held(path)) and held > checks.num_frames:
            share = f"{checks.num_frames / sound.samplerate:.2f} s of {held / sound.samplerate:.2f} s could be read"
            return [f"incomplete: {share}; the FLAC header promises fewer samples than there are"]
        if checks.num_frames < sound.frames * (1 - MAX_SHORTFALL) and sound.frames != UNKNOWN_FRAMES:
            promised_s, read_s = sound.frames / sound.samplerate, checks.num_frames / sound.samplerate
            return [f"truncated: the header promises {promised_s:.2f} s, {read_s:.2f} s could be read"]
        return []


def read_blocks(path: AudioSource, sample_rate_hz: int = 16_000, block_s: float = 30.0) -> Iterator[np.ndarray]:
    """Read float32 mono blocks of `block_s` seconds (the last may be shorter); together they are `read_audio(path)`.

    Raises VqaudioError as `AudioReader` does.
    """
    return iter(AudioReader(path, sample_rate_hz, block_s))


def read_audio(
    path: AudioSource, sample_rate_hz: int = 16_000, start_s: float = 0.0, end_s: float | None = None
) -> np.ndarray:
    """Read a file or a segment of it: `n` float32, channels averaged, resampled by soxr.

    path: a path, the bytes of a file, or an open one, which is read from where it stands to its end.
    `n` is the segment's length times the ratio of the rates, rounded, and at least 1.  An end beyond the file's end
    is the file's end.  Raises VqaudioError as `AudioReader` does.
    """
    return np.concatenate(list(AudioReader(path, sample_rate_hz, start_s=start_s, end_s=end_s)))


def write_audio(path: SoundPath | OpenFile, samples: Any, sample_rate_hz: int) -> None:
    """Write a 16-bit PCM WAV file, to a path or into an open file.

    samples: an array or tensor of `n` or `1 n`, floats in [-1, 1], of which what is louder is clipped, or int16.
    What `read_audio` read from a 16-bit file comes back bit for bit.  Raises VqaudioError for another shape or type,
    another suffix than .wav, NaN or infinity, a folder that cannot be written or a disk that is full.
    """
    write_blocks(path, [samples], sample_rate_hz)


def write_blocks(path: SoundPath | OpenFile, blocks: Iterable[Any], sample_rate_hz: int) -> None:
    """Write a 16-bit PCM WAV file from blocks of samples: memory does not grow with the file's length.

    The file gets its name when it is whole, so that no half-written one is taken for a recording; an open file gets
    its bytes then.
    """
    if not isinstance(path, str | os.PathLike):
        _write_open(path, blocks, sample_rate_hz)
        return
    if Path(path).suffix.lower() != ".wav":
        raise VqaudioError(f"{path}: vqaudio writes WAV; give it a name that ends in .wav")

    def write(temporary: Path) -> None:
        temporary.touch()  # the system says why it cannot, libsndfile does not
        with soundfile.SoundFile(sound_name(temporary), "w", sample_rate_hz, 1, "PCM_16", format="WAV") as sound:
            for block in blocks:
                samples = _mono_int16(path, block)
                try:
                    sound.write(samples)
                except soundfile.LibsndfileError:
                    free = shutil.disk_usage(temporary.parent).free
                    raise VqaudioError(
                        f"{path} cannot be written: the disk of {temporary.parent} took no more; {free / 1e9:.2f} GB "
                        "are free; make room or choose another folder"
                    ) from None

    try:
        replace_file(Path(path), write)
    except soundfile.LibsndfileError as error:
        raise VqaudioError(f"{path} cannot be written: {said(error)}") from None


def _write_open(file: OpenFile, blocks: Iterable[Any], sample_rate_hz: int) -> None:
    """Write a WAV file whole beside, then into an open file, which need not seek."""
    name = name_of(file)
    with tempfile.TemporaryDirectory(prefix="vqaudio-") as scratch:
        whole = Path(scratch) / "whole.wav"
        write_blocks(whole, (_mono_int16(name, block) for block in blocks), sample_rate_hz)
        try:
            with open(whole, "rb") as content:
                shutil.copyfileobj(content, file)
        except (AttributeError, TypeError):
            raise VqaudioError(f"{name}: wanted a path, or a file that is open for writing with mode 'wb'") from None
        except OSError as error:
            raise VqaudioError(f"{name} cannot be written: {error.strerror or error}") from None


def _mono_int16(path: SoundPath, samples: Any) -> np.ndarray:
    """Convert `n` or `1 n` of any float type, torch's included, or of int16, to `n` int16."""
    if hasattr(samples, "detach"):  # a tensor, of a type that numpy may not have
        samples = samples.detach().cpu()
        samples = samples.float() if samples.is_floating_point() else samples
    array = np.asarray(samples)
    if array.ndim == 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 1:
        raise VqaudioError(f"{path}: wanted mono samples of shape n or 1 n, got {array.shape}")
    if array.dtype == np.int16:
        return array
    if array.dtype.kind != "f":
        raise VqaudioError(f"{path}: wanted samples that are floats in [-1, 1] or int16, got {array.dtype}")
    if not np.isfinite(array).all():
        raise VqaudioError(f"{path}: the samples to write hold NaN or infinity")
    return to_int16(array.astype(np.float32))
