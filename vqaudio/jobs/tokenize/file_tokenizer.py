"""Tokenizing of one file, the unit of work of every engine (this machine, Ray Data)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.summary import Kinds
from vqaudio.jobs.tokenize.readers import Decoded
from vqaudio.tokens.runs import to_runs
from vqaudio.tokens.schema import CodecStamp

if TYPE_CHECKING:
    from vqaudio.codec.pitch.coder import Pitch  # imports torch


class BlockEncoder(Protocol):
    """The encoder of one file whose samples come in blocks, such as `vqaudio.codec.streaming.StreamingEncoder`."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Encode 1-D float32 samples; return the `k t` int64 codes that became final."""
        ...

    def finish(self) -> np.ndarray:
        """Return the remaining `k t` codes."""
        ...


class PitchBlockEncoder(Protocol):
    """The encoder of the pitch of one file that comes in blocks, such as `vqaudio.codec.pitch.stream.PitchEncoder`."""

    def push(self, samples: np.ndarray) -> None:
        """Take 1-D float32 samples."""
        ...

    def finish(self) -> "Pitch":
        """Encode the pitch of all that came: codes `1 t`."""
        ...


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file: `k t` uint16 codes and the file's facts, or the reason why there are none.

    pitch: `t` uint16 and pitch_median_hz, as a TokenRow has them, where it is wanted.
    """

    source: Source
    codes: np.ndarray | None = None
    num_samples: int = 0
    source_rate_hz: int = 0
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    pitch: np.ndarray | None = None
    pitch_median_hz: float = 0.0


class FileEncoder(Protocol):
    """A piece of work on single files, which several threads may do at a time: a FileTokenizer's, or a like one."""

    sample_rate_hz: int

    def encode(self, source: Source, feed: Callable[[Callable[[np.ndarray], None]], Decoded]) -> Outcome:
        """Work on one file; see `FileTokenizer.encode`."""
        ...


class FileTokenizer:
    """A tokenizer of files, each on its own: a file's codes do not depend on what is encoded beside it.

    make_encoder: a fresh BlockEncoder for every file; each of its steps has one tensor shape.
    sample_rate_hz: what the encoder takes.  make_pitch: an encoder of pitch for every file; None: codes alone.
    """

    def __init__(
        self,
        make_encoder: Callable[[], BlockEncoder],
        sample_rate_hz: int,
        make_pitch: Callable[[], PitchBlockEncoder] | None = None,
    ) -> None:
        self.make_encoder, self.sample_rate_hz, self.make_pitch = make_encoder, sample_rate_hz, make_pitch

    def encode(self, source: Source, feed: Callable[[Callable[[np.ndarray], None]], Decoded]) -> Outcome:
        """Encode one file.  `feed` gives every block (float32, mono) to its argument and returns the file's facts.

        A VqaudioError from `feed`, or any failure of the encoder, becomes the outcome's reason.
        """
        parts: list[np.ndarray] = []
        pitch = dict[str, Any]()

        def push(block: np.ndarray) -> None:
            parts.append(_narrow(encoder.push(block)))
            if pitch_encoder is not None:
                pitch_encoder.push(block)

        try:
            encoder = self.make_encoder()
            pitch_encoder = self.make_pitch() if self.make_pitch else None
            decoded = feed(push)
            if decoded.num_samples == 0:
                raise VqaudioError("has no samples")
            parts.append(_narrow(encoder.finish()))
            if pitch_encoder is not None:
                found = pitch_encoder.finish()
                pitch = {"pitch": _narrow(found.codes[0].numpy()), "pitch_median_hz": float(found.median_hz)}
        except VqaudioError as error:
            return Outcome(source, reason=str(error).removeprefix(f"{source.path}: "))
        except (RuntimeError, ValueError, MemoryError) as error:  # torch reports everything as RuntimeError
            return Outcome(source, reason=f"the encoder failed: {type(error).__name__}: {error}")
        codes = np.concatenate(parts, axis=1)
        return Outcome(source, codes, decoded.num_samples, decoded.source_rate_hz, decoded.warnings, **pitch)


def _narrow(codes: np.ndarray) -> np.ndarray:
    """Convert codes to uint16, as the store keeps them: a 3-hour file's codes wait in 9 MB."""
    return codes.astype(np.uint16)


@dataclass
class Counts:
    """The counts of one run.  num_before: recordings whose results were there already."""

    num_before: int = 0
    num_files: int = 0
    num_samples: int = 0
    num_frames: int = 0
    failures: Kinds = field(default_factory=Kinds)
    warnings: Kinds = field(default_factory=Kinds)

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        if outcome.codes is None:
            self.failures.add(outcome.source, outcome.reason or "")
            return
        self.num_files += 1
        self.num_samples += outcome.num_samples
        self.num_frames += outcome.codes.shape[1]
        for warning in outcome.warnings:
            self.warnings.add(outcome.source, warning)

    @property
    def num_failures(self) -> int:
        """Files without a result."""
        return self.failures.counts.total()


@dataclass
class Summary(Counts):
    """The counts of one run that makes codes, or segments."""

    stamp: CodecStamp = field(kw_only=True)
    num_segments: int = 0
    num_voiced: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        super().add(outcome)
        if outcome.codes is not None and self.stamp.segments is not None:
            self.num_segments += len(to_runs(outcome.codes)[1])
        if outcome.pitch is not None:
            self.num_voiced += np.count_nonzero(outcome.pitch)

    @property
    def audio_s(self) -> float:
        """Seconds of audio in the rows of this run."""
        return self.num_samples / self.stamp.sample_rate_hz

    def lines(self, wall_s: float) -> list[str]:
        """Format the summary.  wall_s: how long the run took, in seconds."""
        books, rate_hz = self.stamp.num_codebooks, self.stamp.frame_rate_hz
        kbit_s = books * rate_hz * math.log2(self.stamp.codebook_size) / 1000
        before = f", {self.num_before:,} were in the store already" if self.num_before else ""
        codes = f"{self.num_frames * books:,}: {books} codebooks at {rate_hz:g} Hz, {kbit_s:.2f} kbit/s"
        if self.stamp.segments is not None:
            frequency_hz = self.num_segments / max(1, self.num_frames) * rate_hz
            codes = f"{self.num_segments:,}: segments of {self.num_frames:,} frames, {frequency_hz:.1f} a second"
        lines = [
            f"files     {self.num_files:,} tokenized, {self.num_failures:,} failed{before}",
            f"audio     {self.audio_s / 3600:.2f} h in {wall_s:.0f} s, {self.audio_s / wall_s:.0f} x real time",
            f"codes     {codes}",
        ]
        if self.stamp.pitch_steps:
            share = self.num_voiced / max(1, self.num_frames)
            lines.append(f"pitch     {self.stamp.pitch_steps} steps around each recording's median, {share:.0%} voiced")
        return lines + self.failures.lines("failed") + self.warnings.lines("warnings")
