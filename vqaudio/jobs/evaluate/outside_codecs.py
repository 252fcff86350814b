"""Opus and Codec2 as Debian ships them, and any other coder as a command line: at the rate of their own files."""

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile
import soxr

from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import from_int16, to_int16
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.reference_codecs import Rates, Reconstruction, ReferenceCodec
from vqaudio.metrics.distance import Samples

CODEC2_RATE_HZ = 8_000
# Seconds that a mode's speech comes late: where STOI against the original peaks, measured with codec2 1.0.5.
CODEC2_DELAY_S = {mode: 0.02 for mode in ("3200", "2400", "1600", "1400", "1300", "1200")} | {"700C": 0.03, "450": 0.03}
OPUS_KBPS = (6.0, 256.0)  # opusenc's own limits for one channel


def require_program(program: str, package: str) -> None:
    """Check that a program is on the path.  Raises VqaudioError that names the Debian package if it is not."""
    if shutil.which(program) is None:
        raise VqaudioError(f"the program {program} is not here; install Debian's package: apt-get install {package}")


def run_program(command: Sequence[str | Path]) -> None:
    """Run a program to its end.

    Raises VqaudioError with the program's last words if it fails or takes over ten minutes, or if it cannot be started.
    """
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise VqaudioError(f"{command[0]} did not end within ten minutes") from error
    except OSError as error:
        raise VqaudioError(f"{command[0]} cannot be started: {error.strerror or error}; is it a program?") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip()[-200:]
        raise VqaudioError(f"{command[0]} ended with status {done.returncode}: {said}")


def fit_length(samples: Samples, num_samples: int) -> Samples:
    """Cut or pad with silence at the end."""
    return np.pad(samples[:num_samples], (0, max(0, num_samples - len(samples)))).astype(np.float32)


class _OutsideCodec:
    """The shared state of outside codecs with one setting: the bytes written."""

    def __init__(self, name: str, setting: str, sample_rate_hz: int) -> None:
        self.name, self.settings = name, (setting,)
        self.sample_rate_hz = sample_rate_hz
        self.num_bytes, self.seconds = 0, 0.0

    def _count(self, path: Path, reference: Samples) -> None:
        self.num_bytes += path.stat().st_size
        self.seconds += len(reference) / self.sample_rate_hz

    def rates(self) -> dict[str, Rates]:
        """Compute the rate of the files written: bits on disk, container included, over the seconds coded."""
        kbps = self.num_bytes * 8 / self.seconds / 1000 if self.seconds else None
        return {self.settings[0]: Rates(file=kbps)}


class OpusCodec(_OutsideCodec):
    """Opus by opusenc and opusdec at their defaults (variable rate, complexity 10); opusdec takes off the pre-skip.

    kbps: the target.  Raises VqaudioError for a target outside 6 to 256 or if opus-tools is missing.
    """

    def __init__(self, kbps: float, sample_rate_hz: int) -> None:
        if not OPUS_KBPS[0] <= kbps <= OPUS_KBPS[1]:
            raise VqaudioError(f"Opus codes one channel with 6 to 256 kbit/s, got {kbps:g}")
        require_program("opusenc", "opus-tools")
        super().__init__("opus", f"{kbps:g}", sample_rate_hz)
        self.kbps = kbps

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Encode and decode one file by both programs, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="vqaudio-") as folder:
            original, coded, decoded = (Path(folder, name) for name in ("original.wav", "coded.opus", "decoded.wav"))
            soundfile.write(original, reference, self.sample_rate_hz, subtype="PCM_16")
            run_program(["opusenc", "--quiet", "--bitrate", f"{self.kbps:g}", original, coded])
            run_program(["opusdec", "--quiet", "--rate", str(self.sample_rate_hz), coded, decoded])
            samples = read_audio(decoded, self.sample_rate_hz)
            self._count(coded, reference)
        yield Reconstruction(self.settings[0], fit_length(samples, len(reference)))


class Codec2(_OutsideCodec):
    """Codec2 by c2enc and c2dec at 8 kHz: resampled there and back with soxr, delay removed; raw frames, no container.

    mode: "3200", "1300", "700C" and others.  Raises VqaudioError for an unknown mode or if codec2 is missing.
    """

    def __init__(self, mode: str, sample_rate_hz: int) -> None:
        if mode.upper() not in CODEC2_DELAY_S:
            raise VqaudioError(f"Codec2 has no mode {mode!r}; it has {', '.join(CODEC2_DELAY_S)}")
        require_program("c2enc", "codec2")
        super().__init__("codec2", mode.upper(), sample_rate_hz)

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Encode and decode one file by both programs, in a folder of its own."""
        delay = round(CODEC2_DELAY_S[self.settings[0]] * self.sample_rate_hz)
        late = np.pad(np.asarray(reference, np.float32), (0, 2 * delay))  # c2enc drops a last frame that is not whole
        narrow = soxr.resample(late, self.sample_rate_hz, CODEC2_RATE_HZ)
        with tempfile.TemporaryDirectory(prefix="vqaudio-") as folder:
            original, coded, decoded = (Path(folder, name) for name in ("original.raw", "coded.bit", "decoded.raw"))
            original.write_bytes(to_int16(narrow).astype("<i2").tobytes())
            run_program(["c2enc", self.settings[0], original, coded])
            run_program(["c2dec", self.settings[0], coded, decoded])
            spoken = from_int16(np.frombuffer(decoded.read_bytes(), "<i2"))
            self._count(coded, reference)
        wide = soxr.resample(spoken, CODEC2_RATE_HZ, self.sample_rate_hz)
        yield Reconstruction(self.settings[0], fit_length(wide[delay:], len(reference)))


class CommandCodec(_OutsideCodec):
    """A coder given as a command line, such as `enc {original} {coded} && dec {coded} {decoded}`.

    Words as a shell has them, but no shell runs: `&&` only parts one program from the next.  {original} and {decoded}
    are wav files, the original at the codec's rate; the size of {coded}, where it is named, gives the rate.
    Raises VqaudioError if {original} or {decoded} is not named or a program is missing.
    """

    def __init__(self, name: str, command: str, sample_rate_hz: int) -> None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise VqaudioError(f"the command of {name} cannot be read: {error}: {command}") from error
        self.programs = [list(group) for is_and, group in groupby(words, "&&".__eq__) if not is_and]
        if len(self.programs) != words.count("&&") + 1:
            raise VqaudioError(f"the command of {name} has an && without a program on both sides: {command}")
        for wanted in ("{original}", "{decoded}"):
            if wanted not in command:
                raise VqaudioError(f"the command of {name} does not name {wanted}, the wav file to be used: {command}")
        for program, *_ in self.programs:
            if shutil.which(program) is None:
                raise VqaudioError(f"the program {program} of {name} is not here; install it or give its whole path")
        super().__init__(name, "", sample_rate_hz)

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Encode and decode one file by all programs, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="vqaudio-") as folder:
            names = {"original": "original.wav", "coded": "coded", "decoded": "decoded.wav"}
            paths = {f"{{{key}}}": Path(folder, name) for key, name in names.items()}
            soundfile.write(paths["{original}"], reference, self.sample_rate_hz, subtype="PCM_16")
            for program in self.programs:
                run_program([_filled(word, paths) for word in program])
            samples = read_audio(paths["{decoded}"], self.sample_rate_hz)
            if paths["{coded}"].exists():
                self._count(paths["{coded}"], reference)
        yield Reconstruction(self.settings[0], fit_length(samples, len(reference)))


def _filled(word: str, paths: Mapping[str, Path]) -> str:
    for key, path in paths.items():
        word = word.replace(key, str(path))
    return word


def parse_reference_codec(text: str, sample_rate_hz: int) -> ReferenceCodec:
    """Parse `opus:6`, `codec2:3200` or `NAME=COMMAND` to a coder.  Raises VqaudioError for any other form."""
    name, equals, command = text.partition("=")
    if equals and name.strip():
        return CommandCodec(name.strip(), command, sample_rate_hz)
    kind, _, setting = text.partition(":")
    if kind == "codec2":
        return Codec2(setting, sample_rate_hz)
    if kind == "opus":
        try:
            return OpusCodec(float(setting), sample_rate_hz)
        except ValueError:
            pass
    raise VqaudioError(
        f"--against {text!r} is not known; wanted opus:KBITS such as opus:6, codec2:MODE such as codec2:3200, or any "
        "coder as 'NAME=COMMAND {original} {coded} {decoded}'"
    )
