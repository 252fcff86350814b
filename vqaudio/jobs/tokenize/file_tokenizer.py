"""Audio in, codes out: the piece of work that every engine (this machine, Ray Data) hands out in its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.readers import Decoded


class BlockEncoder(Protocol):
    """Codes of one file whose samples come in blocks: `vqaudio.codec.streaming.StreamingEncoder` is one."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take 1-D float32 samples; return the `k t` int64 codes that became final."""
        ...

    def finish(self) -> np.ndarray:
        """Return the remaining `k t` codes."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of one file: `k t` uint16 codes and the file's facts, or the reason why there are none."""

    source: Source
    codes: np.ndarray | None = None
    num_samples: int = 0
    source_rate_hz: int = 0
    warnings: tuple[str, ...] = ()
    reason: str | None = None


class FileTokenizer:
    """Tokenizes files, each on its own: nothing that is encoded beside a file can touch its codes.

    make_encoder: a fresh BlockEncoder for every file; each of its steps has one tensor shape.
    sample_rate_hz: what the encoder takes.
    """

    def __init__(self, make_encoder: Callable[[], BlockEncoder], sample_rate_hz: int) -> None:
        self.make_encoder, self.sample_rate_hz = make_encoder, sample_rate_hz

    def encode(self, source: Source, feed: Callable[[Callable[[np.ndarray], None]], Decoded]) -> Outcome:
        """Encode one file.  `feed` gives every block (float32, mono) to its argument and returns the file's facts.

        A VqaudioError from `feed`, or any failure of the encoder, becomes the outcome's reason.
        """
        parts: list[np.ndarray] = []
        try:
            encoder = self.make_encoder()
            decoded = feed(lambda block: parts.append(_narrow(encoder.push(block))))
            if decoded.num_samples == 0:
                raise VqaudioError("has no samples")
            parts.append(_narrow(encoder.finish()))
        except VqaudioError as error:
            return Outcome(source, reason=str(error).removeprefix(f"{source.path}: "))
        except (RuntimeError, ValueError, MemoryError) as error:  # torch reports everything as RuntimeError
            return Outcome(source, reason=f"the encoder failed: {type(error).__name__}: {error}")
        codes = np.concatenate(parts, axis=1)
        return Outcome(source, codes, decoded.num_samples, decoded.source_rate_hz, decoded.warnings)


def _narrow(codes: np.ndarray) -> np.ndarray:
    """uint16, as the store keeps them: a 3-hour file's codes wait in 9 MB."""
    return codes.astype(np.uint16)
