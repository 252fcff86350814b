"""Opus and Codec2 as Debian ships them, on the same files, at the rate that their files really have."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.coders import Coder, Rates, Reconstruction
from vqaudio.metrics.distance import Samples

CODEC2_RATE_HZ = 8_000
# Seconds that a mode's speech comes late: where STOI against the original peaks, measured with codec2 1.0.5.
CODEC2_DELAY_S = {mode: 0.02 for mode in ("3200", "2400", "1600", "1400", "1300", "1200")} | {"700C": 0.03, "450": 0.03}
OPUS_KBPS = (6.0, 256.0)  # opusenc's own limits for one channel


def require_program(program: str, package: str) -> None:
    """Raise VqaudioError, naming the Debian package, unless the program is on the path."""
    if shutil.which(program) is None:
        raise VqaudioError(f"the program {program} is not here; install Debian's package: apt-get install {package}")


def run_program(command: Sequence[str | Path]) -> None:
    """Run to the end.  Raises VqaudioError with the program's last words if it fails or takes over ten minutes."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise VqaudioError(f"{command[0]} did not end within ten minutes") from error
    if done.returncode:
        raise VqaudioError(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")


def fit_length(samples: Samples, num_samples: int) -> Samples:
    """Cut or pad with silence at the end."""
    return np.pad(samples[:num_samples], (0, max(0, num_samples - len(samples)))).astype(np.float32)


class _OutsideCoder:
    """Counts the bytes of what it writes; one setting."""

    def __init__(self, name: str, setting: str, sample_rate_hz: int) -> None:
        self.name, self.settings = name, (setting,)
        self.sample_rate_hz = sample_rate_hz
        self.num_bytes, self.seconds = 0, 0.0

    def _count(self, path: Path, reference: Samples) -> None:
        self.num_bytes += path.stat().st_size
        self.seconds += len(reference) / self.sample_rate_hz

    def rates(self) -> dict[str, Rates]:
        """Bits on disk, container included, over the seconds coded."""
        kbps = self.num_bytes * 8 / self.seconds / 1000 if self.seconds else None
        return {self.settings[0]: Rates(file=kbps)}


class OpusCoder(_OutsideCoder):
    """opusenc and opusdec at their defaults (variable rate, complexity 10); opusdec takes off the pre-skip.

    kbps: the target.  Raises VqaudioError for a target outside 6 to 256 or if opus-tools is missing.
    """

    def __init__(self, kbps: float, sample_rate_hz: int) -> None:
        if not OPUS_KBPS[0] <= kbps <= OPUS_KBPS[1]:
            raise VqaudioError(f"Opus codes one channel with 6 to 256 kbit/s, got {kbps:g}")
        require_program("opusenc", "opus-tools")
        super().__init__("opus", f"{kbps:g}", sample_rate_hz)
        self.kbps = kbps

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """The file through both programs, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="vqaudio-") as folder:
            original, coded, decoded = (Path(folder, name) for name in ("original.wav", "coded.opus", "decoded.wav"))
            soundfile.write(original, reference, self.sample_rate_hz, subtype="PCM_16")
            run_program(["opusenc", "--quiet", "--bitrate", f"{self.kbps:g}", original, coded])
            run_program(["opusdec", "--quiet", "--rate", str(self.sample_rate_hz), coded, decoded])
            samples, _ = soundfile.read(decoded, dtype="float32")
            self._count(coded, reference)
        yield Reconstruction(self.settings[0], fit_length(np.asarray(samples, np.float32), len(reference)))


class Codec2Coder(_OutsideCoder):
    """c2enc and c2dec at 8 kHz: resampled there and back with soxr, delay taken off; raw frames, no container.

    mode: "3200", "1300", "700C" and others.  Raises VqaudioError for an unknown mode or if codec2 is missing.
    """

    def __init__(self, mode: str, sample_rate_hz: int) -> None:
        if mode.upper() not in CODEC2_DELAY_S:
            raise VqaudioError(f"Codec2 has no mode {mode!r}; it has {', '.join(CODEC2_DELAY_S)}")
        require_program("c2enc", "codec2")
        super().__init__("codec2", mode.upper(), sample_rate_hz)

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """The file through both programs, in a folder of its own."""
        delay = round(CODEC2_DELAY_S[self.settings[0]] * self.sample_rate_hz)
        late = np.pad(np.asarray(reference, np.float32), (0, 2 * delay))  # c2enc drops a last frame that is not whole
        narrow = soxr.resample(late, self.sample_rate_hz, CODEC2_RATE_HZ)
        with tempfile.TemporaryDirectory(prefix="vqaudio-") as folder:
            original, coded, decoded = (Path(folder, name) for name in ("original.raw", "coded.bit", "decoded.raw"))
            original.write_bytes((np.clip(narrow, -1, 1) * 32767).astype("<i2").tobytes())
            run_program(["c2enc", self.settings[0], original, coded])
            run_program(["c2dec", self.settings[0], coded, decoded])
            spoken = np.frombuffer(decoded.read_bytes(), "<i2").astype(np.float32) / 32768
            self._count(coded, reference)
        wide = soxr.resample(spoken, CODEC2_RATE_HZ, self.sample_rate_hz)
        yield Reconstruction(self.settings[0], fit_length(wide[delay:], len(reference)))


def parse_coder(text: str, sample_rate_hz: int) -> Coder:
    """`opus:6` or `codec2:3200` as a coder.  Raises VqaudioError for any other form."""
    kind, _, setting = text.partition(":")
    if kind == "codec2":
        return Codec2Coder(setting, sample_rate_hz)
    if kind == "opus":
        try:
            return OpusCoder(float(setting), sample_rate_hz)
        except ValueError:
            pass
    raise VqaudioError(
        f"--against {text!r} is not known; wanted opus:KBITS such as opus:6, or codec2:MODE such as codec2:3200"
    )
