"""Sound that libsndfile does not read (m4a, webm, wma, ...), decoded by the program ffmpeg where it is installed.

It gives the samples at the file's own rate, in float32 and with all channels, so that mixing down and resampling are
those of every other file.  It opens nothing but the one file: no network, no lists of other files.
"""

import os
import resource
import select
import shutil
import struct
import subprocess
import tempfile
from contextlib import suppress
from functools import lru_cache
from typing import IO

import numpy as np

from vqaudio.core.errors import VqaudioError

PATIENCE_S = 60.0  # without a single byte
MAX_CPU_S = 3_600  # days of sound
MAX_MEMORY_BYTES = 4 << 30  # of addresses: its libraries alone take some hundred MB of them
MAX_LOG_BYTES = 16 << 20
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's length of a file whose header leaves it open
# Containers, by ffmpeg's names: those of the suffixes, and what is often found under a wrong one.  No playlists.
FORMATS = (
    "mov,matroska,aac,loas,latm,asf,xwma,amr,amrnb,amrwb,ac3,eac3,ape,wv,ogg,mp3,wav,w64,flac,aiff,caf,au,avi,flv,"
    "mpegts,mpeg,tta"
)
_HEADER = struct.Struct(">4sIIIII")  # of the AU format: mark, start of the samples, bytes, encoding, rate, channels
_FLOAT32 = 6


def find_ffmpeg() -> str | None:
    """Find the program, None if it is not installed; what lies in the current folder is never taken for it."""
    return _find_in(os.environ.get("PATH", ""))


@lru_cache(maxsize=1)
def _find_in(folders: str) -> str | None:
    safe = [folder for folder in folders.split(os.pathsep) if os.path.isabs(folder)]
    return shutil.which("ffmpeg", path=os.pathsep.join(safe)) if safe else None


def advice(suffix: str) -> str:
    """Say that ffmpeg is missing for files of a suffix."""
    return f"libsndfile does not read {suffix}, and ffmpeg, which does, is not installed; try: apt-get install ffmpeg"


class FfmpegFile:
    """A sound file that ffmpeg decodes from front to back, with what AudioReader needs of a SoundFile.

    Raises VqaudioError, naming the file, if it cannot be decoded at all or ffmpeg is not installed.
    """

    frames = UNKNOWN_FRAMES
    extra_info = ""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        program = find_ffmpeg()
        if program is None:
            raise VqaudioError(f"{path}: {advice(os.path.splitext(os.fspath(path))[1].lower())}")
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        name = b"file:" + os.path.abspath(os.fsencode(path))
        self._name = name.decode("utf-8", "replace")
        self._process = self._start(program, name)
        try:
            header = self._receive(_HEADER.size)
            if len(header) < _HEADER.size:
                raise VqaudioError(self._reason())
            mark, start, _, encoding, self.samplerate, self.channels = _HEADER.unpack(header)
            if (mark, encoding) != (b".snd", _FLOAT32) or start < _HEADER.size or not self.channels:
                raise VqaudioError("ffmpeg gave no samples that are known")
            self._receive(start - _HEADER.size)
        except VqaudioError as error:
            self.close()
            raise VqaudioError(f"{path}: {error}") from None

    def read(self, num_frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """Read up to so many frames, `n c`; none at the end.  Raises VqaudioError if ffmpeg gave up before."""
        frame_bytes = 4 * self.channels
        content = self._receive(num_frames * frame_bytes)
        if len(content) < num_frames * frame_bytes and self._process.wait():
            raise VqaudioError(self._reason())
        samples = np.frombuffer(content[: len(content) // frame_bytes * frame_bytes], dtype=">f4")
        return samples.astype(dtype).reshape(-1, self.channels)

    def skip(self, num_frames: int) -> None:
        """Skip frames by decoding them: nothing else finds the same sample in every format."""
        while num_frames > 0 and (got := len(self.read(min(num_frames, 65_536)))):
            num_frames -= got

    def warnings(self) -> list[str]:
        """Write a sentence if ffmpeg complained on its way to the end."""
        return [f"damaged: ffmpeg says: {line}"] if (line := self._complaint()) else []

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> "FfmpegFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, program: str, name: bytes) -> subprocess.Popen[bytes]:
        options = f"-nostdin -hide_banner -v error -threads 1 -protocol_whitelist file,pipe -format_whitelist {FORMATS}"
        output = "-map 0:a:0 -map_metadata -1 -c:a pcm_f32be -f au pipe:1"
        process = subprocess.Popen(
            [program, *options.split(), "-i", name, *output.split()],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            cwd="/",
            start_new_session=True,  # a signal that stops the run is not for the file that is being read
        )
        limits = (
            (resource.RLIMIT_CPU, MAX_CPU_S),
            (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
            (resource.RLIMIT_FSIZE, MAX_LOG_BYTES),
        )
        for kind, limit in limits:
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, kind, (limit, limit))
        return process

    def _receive(self, num_bytes: int) -> bytes:
        """Read so many bytes, or what there is before the end.  Raises VqaudioError if nothing comes for long."""
        assert self._process.stdout is not None
        content = bytearray()
        while len(content) < num_bytes:
            if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
                raise VqaudioError(f"ffmpeg gave nothing for {PATIENCE_S:g} s and was ended")
            if not (block := self._process.stdout.read(min(num_bytes - len(content), 1 << 20))):
                break
            content += block
        return bytes(content)

    def _reason(self) -> str:
        status = self._process.wait()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"ffmpeg cannot read it ({how}): {self._complaint() or 'it says nothing'}"

    def _complaint(self) -> str:
        """Take the last line of what ffmpeg said, without the address of who said it, and the file's."""
        self._log.seek(max(0, self._log.seek(0, 2) - 2_000))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].split("] ", 1)[-1].removeprefix(f"{self._name}: ") if lines else ""
