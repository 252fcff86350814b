"""Opening of a sound file by libsndfile or ffmpeg, with errors that say in plain words why one cannot be opened."""

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any

import soundfile

from vqaudio.audio.ffmpeg import FfmpegFile, find_ffmpeg
from vqaudio.audio.folders import FOREIGN_SUFFIXES, suffix_of
from vqaudio.audio.sources import SoundPath, SpooledCopy
from vqaudio.core.errors import VqaudioError

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000  # below is no speech, above no converter: the header is wrong
MAX_CHANNELS = 256  # the largest microphone arrays
MIN_LOST_BYTES = 16  # many writers count their own header wrongly by 8
NO_AUDIO_FOUND = 7  # libsndfile's code for a regular file in which no MPEG frame was found
_WRONG_SIZE = re.compile(r"^\s*(?:riff|RIFF|Riff size|FORM|SSND|data|Data Size)\s*: (\d+) \(should be (\d+)\)", re.M)


class ForwardFile(soundfile.SoundFile):
    """A sound file that is read from front to back.

    soundfile seeks to the current place after every read; in MP3 files with a variable rate that lands elsewhere
    (a block of 1000 frames was off by 0.26 of full scale), and in damaged FLAC files it hides the true error.
    """

    def seekable(self) -> bool:
        """Return False, so that soundfile does not seek by itself."""
        return False

    def skip(self, num_frames: int) -> None:
        """Skip to frame `num_frames` of a file that is still at its start."""
        if super().seekable() and self.format not in ("MP3", "MPEG"):
            self.seek(min(num_frames, self.frames))
            return
        while num_frames > 0 and (got := len(self.read(min(num_frames, 65_536), dtype="float32"))):
            num_frames -= got


def open_sound(path: SoundPath) -> ForwardFile | FfmpegFile:
    """Open a sound file at its first frame: through libsndfile, or through ffmpeg what that does not read.

    Raises VqaudioError if it is missing, empty, not a regular file, not audio, or of an absurd rate or channel count.
    """
    size = _size_bytes(path)
    if size == 0:
        raise VqaudioError(f"{path}: empty, 0 bytes")
    try:
        sound = FfmpegFile(path) if suffix_of(path) in FOREIGN_SUFFIXES else ForwardFile(sound_name(path))
    except soundfile.LibsndfileError as error:
        if suffix_of(path) or not isinstance(path, SpooledCopy) or find_ffmpeg() is None:
            raise VqaudioError(f"{path}: not audio, or damaged at its start: libsndfile says: {said(error)}") from None
        sound = FfmpegFile(path)  # bytes have no suffix to go by
    except TypeError:  # soundfile wants to be told the rate of what is named .raw
        raise VqaudioError(f"{path}: raw samples without a header; {_convert(path)}") from None
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ or sound.channels > MAX_CHANNELS:
        rate_hz, channels = sound.samplerate, sound.channels
        sound.close()
        raise VqaudioError(
            f"{path}: the header says {rate_hz} Hz and {channels} channels; wanted {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz "
            f"and at most {MAX_CHANNELS} channels; the file is probably damaged"
        )
    return sound


def sound_name(path: SoundPath) -> Any:
    """Encode a path as bytes, because a file's name need not be valid Unicode.

    Returns Any: soundfile's types forget bytes.
    """
    return os.fsencode(path)


def truncation(sound: ForwardFile | FfmpegFile) -> str | None:
    """Return a sentence if the header promises more bytes than the file has."""
    for promised, present in _WRONG_SIZE.findall(sound.extra_info):
        is_streamed = int(promised) >= 0xFFFFFF00 or 0x7FFF0000 <= int(promised) <= 0x80001000  # writers' "unknown"
        if not is_streamed and int(promised) > int(present) + MIN_LOST_BYTES:
            return f"truncated: the header promises {promised} bytes, the file holds {present} of them"
    return None


def said(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's own words, without its decoration."""
    if error.code == NO_AUDIO_FOUND:
        return "no MPEG frame found"
    return error.error_string.removeprefix("Error : ").removeprefix("Internal error : ").strip(" .")


def no_samples(path: SoundPath) -> str:
    """Explain why a file that opens holds nothing."""
    size = _size_bytes(path)
    if size < 1_000:
        return "holds no samples"
    return f"the header says that it holds no samples, but the file has {size} bytes; {_convert(path)}"


def _size_bytes(path: SoundPath) -> int:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise VqaudioError(f"{path}: not a regular file; wanted a sound file")
        with open(path, "rb"):
            return status.st_size
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise VqaudioError(f"{path}: cannot be opened: {reason}") from None


def _convert(path: SoundPath) -> str:
    name = os.path.basename(str(path))
    return f"convert it first: ffmpeg -i {shlex.quote('./' + name)} {shlex.quote('./' + Path(name).stem + '-new.wav')}"
