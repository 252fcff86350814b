"""What a tokenizer does beside sounding well: its speed, whether lengths are exact, whether batches change codes."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vqaudio.codec.foreign import ForeignCodec
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.worker_process import isolated_python
from vqaudio.metrics.usage import nominal_bitrate_bps

Samples = NDArray[np.float32]
ODD_SAMPLES = (7, 501, 1_003)  # beyond whole hops: lengths that must come back
_START_UP = """
import resource, sys
from vqaudio.codec.saving import open_tokenizer
open_tokenizer({name!r})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@dataclass(frozen=True)
class Facts:
    """The facts of one tokenizer, measured on this machine.

    kbps: nominal, of all codebooks.  encode_speed, decode_speed: seconds of audio for each second on the clock, one
    recording at a time; None without decoder.  length_error: the most samples by which decoded sound is too long or too
    short, None where a length is refused.  batch_changes: share of codes that are others in a padded batch.  start_s,
    start_bytes: of a process that opens it.

    Lengths and batches of a codec of transformers are those of its own calls; behind this package's commands both are
    exact.  Batches of units are those of this package, one recording at a time.
    """

    name: str
    kbps: float
    frame_rate_hz: float
    num_codebooks: int
    codebook_size: int
    encode_speed: float
    decode_speed: float | None
    length_error: int | None
    batch_changes: float
    start_s: float
    start_bytes: int


def measure_facts(codec: AudioTokenizer, opened_as: str, recordings: Sequence[Samples]) -> Facts:
    """Measure a tokenizer.

    opened_as: the name it is opened by.  recordings: `n` each, at the codec's rate.
    """
    bitrate_bps = nominal_bitrate_bps(codec.num_codebooks, codec.codebook_size, codec.grid.frame_rate_hz)
    encode_speed, decode_speed = measure_speed(codec, recordings)
    start_s, start_bytes = measure_start(opened_as)
    return Facts(
        name=codec.name,
        kbps=bitrate_bps / 1000,
        frame_rate_hz=codec.grid.frame_rate_hz,
        num_codebooks=codec.num_codebooks,
        codebook_size=codec.codebook_size,
        encode_speed=encode_speed,
        decode_speed=decode_speed,
        length_error=length_error(codec),
        batch_changes=batch_changes(codec, recordings),
        start_s=start_s,
        start_bytes=start_bytes,
    )


def measure_speed(codec: AudioTokenizer, recordings: Sequence[Samples]) -> tuple[float, float | None]:
    """Measure how fast recordings are encoded and decoded, after one that does not count; see `Facts`."""
    seconds = sum(map(len, recordings)) / codec.grid.sample_rate_hz
    has_sound, spent = not isinstance(codec, UnitsTokenizer), [0.0, 0.0]
    with torch.inference_mode():
        for number, samples in enumerate([recordings[0], *recordings]):
            start_s = time.perf_counter()
            codes = codec.encode(_audio(samples))
            between_s = time.perf_counter()
            if has_sound:
                codec.decode(codes, len(samples))
            if number:
                spent = [spent[0] + between_s - start_s, spent[1] + time.perf_counter() - between_s]
    return seconds / spent[0], seconds / spent[1] if has_sound else None


def length_error(codec: AudioTokenizer) -> int | None:
    """Find the largest difference in samples between a recording and its decoding; see `Facts`."""
    if isinstance(codec, UnitsTokenizer):
        return None
    errors = []
    for odd in ODD_SAMPLES:
        num_samples = 50 * codec.grid.hop_samples + odd
        try:
            if isinstance(codec, ForeignCodec):
                given = codec.decoded_length(num_samples)
            else:
                given = codec.decode(codec.encode(torch.zeros(1, 1, num_samples)), num_samples).shape[-1]
        except VqaudioError:
            return None
        errors.append(abs(given - num_samples))
    return max(errors)


def batch_changes(codec: AudioTokenizer, recordings: Sequence[Samples]) -> float:
    """Compute the share of codes that are others when all recordings are one padded batch; see `Facts`."""
    hop = codec.grid.hop_samples
    longest = codec.grid.num_frames(max(map(len, recordings))) * hop
    batch = torch.cat([F.pad(_audio(samples), (0, longest - len(samples))) for samples in recordings])
    lengths = torch.tensor([len(samples) for samples in recordings])
    together = codec.encode_padded(batch, lengths) if isinstance(codec, ForeignCodec) else codec.encode(batch, lengths)
    num_changed = num_codes = 0
    for row, samples in zip(together, recordings, strict=True):
        alone = codec.encode(_audio(samples))[0]
        num_changed += int((row[:, : alone.shape[-1]] != alone).sum())
        num_codes += alone.numel()
    return num_changed / num_codes


def measure_start(name: str) -> tuple[float, int]:
    """Measure seconds and bytes of memory of a process that opens a tokenizer."""
    start_s = time.perf_counter()
    done = subprocess.run(isolated_python(_START_UP.format(name=name)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise VqaudioError(f"{name} cannot be opened in a process of its own: {done.stderr.strip()[-200:]}")
    return time.perf_counter() - start_s, int(done.stdout.split()[-1])


def _audio(samples: Samples) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))[None, None]
