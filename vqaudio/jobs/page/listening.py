"""The recordings of a page: a few originals, their decodings and their first codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.evaluate.reference_codecs import Reconstruction, ReferenceCodec, as_sixteen_bit
from vqaudio.jobs.sources import Source
from vqaudio.metrics.distance import Samples

LONGEST_S = 6.0  # of each recording on a page: ten versions of six recordings then take about 10 MB


class Version(NamedTuple):
    """One decoding of a recording, as long as its original.  samples: `n`."""

    coder: str
    setting: str
    samples: Samples


@dataclass(frozen=True)
class Utterance:
    """The beginning of a recording.  original: `n`, whole frames where it was cut.  first_codes: `t`, of codebook 0."""

    id: str
    original: Samples
    versions: tuple[Version, ...]
    first_codes: NDArray[np.int64]
    text: str | None = None


@dataclass(frozen=True)
class Listening:
    """The utterances of a page, and the failures: id, coder, reason."""

    utterances: tuple[Utterance, ...]
    failures: tuple[dict[str, str], ...]


class Decodings:
    """A cache of the beginnings of decodings, made while something else was measured, so that none is made twice.

    longest_samples: of each.
    """

    def __init__(self, longest_samples: int) -> None:
        self.longest_samples = longest_samples
        self._versions: dict[tuple[str, str], list[Version]] = {}

    def keep(self, source_id: str, coder: str, made: Reconstruction) -> None:
        """Keep the beginning of one decoding."""
        version = Version(coder, made.setting, as_sixteen_bit(made.samples[: self.longest_samples]))
        self._versions.setdefault((source_id, coder), []).append(version)

    def of(self, source_id: str, coder: ReferenceCodec, reference: Samples) -> list[Version]:
        """Return one version for each setting, decoded now where it was not kept.

        Raises VqaudioError if it cannot be.
        """
        if len(self._versions.get((source_id, coder.name), ())) < len(coder.settings):
            self._versions.pop((source_id, coder.name), None)
            for made in coder.reconstruct(source_id, reference):
                self.keep(source_id, coder.name, made)
        return self._versions[source_id, coder.name]


def longest_on_page(grid: FrameGrid) -> int:
    """Count the samples of a recording that a page takes: whole frames."""
    return int(LONGEST_S * grid.sample_rate_hz) // grid.hop_samples * grid.hop_samples


def spread(sources: Sequence[Source], number: int) -> list[Source]:
    """Choose that many sources, evenly through the list, the first among them; all if there are no more."""
    if number < 1:
        raise VqaudioError(f"a page needs one utterance or more, got {number}")
    indices = [index * len(sources) // number for index in range(number)]
    return list(sources) if len(sources) <= number else [sources[position] for position in indices]


def listen(
    codec: AudioTokenizer,
    coders: Sequence[ReferenceCodec],
    sources: Sequence[Source],
    device: str = "cpu",
    decodings: Decodings | None = None,
) -> Listening:
    """Decode every source by every coder, cut to its first seconds after decoding.

    decodings: those that were made already, by coders of the same names.
    A file that cannot be read or decoded is left out and named.  Raises VqaudioError if none can be read.
    """
    rate_hz, longest = codec.grid.sample_rate_hz, longest_on_page(codec.grid)
    decodings = decodings or Decodings(longest)
    utterances: list[Utterance] = []
    failures: list[dict[str, str]] = []
    for source in sources:
        try:
            if source.refusal:
                raise VqaudioError(source.refusal)
            whole = read_audio(source.path, rate_hz)
            if not len(whole):
                raise VqaudioError("it holds no samples")
        except VqaudioError as error:
            failures.append({"id": source.id, "coder": "", "reason": str(error)})
            continue
        versions: list[Version] = []
        for coder in coders:
            try:
                versions += decodings.of(source.id, coder, whole)
            except VqaudioError as error:
                failures.append({"id": source.id, "coder": coder.name, "reason": str(error)})
        original = as_sixteen_bit(whole[:longest])
        codes = _first_codes(codec, whole[:longest], device)
        utterances.append(Utterance(source.id, original, tuple(versions), codes, source.text))
    if not utterances:
        raise VqaudioError(f"none of {len(sources)} files can be heard; the first reason: {failures[:1]}")
    return Listening(tuple(utterances), tuple(failures))


@torch.inference_mode()
def _first_codes(codec: AudioTokenizer, samples: Samples, device: str) -> NDArray[np.int64]:
    """Encode to the codes of codebook 0: `t`.

    The encoder is causal: those of a beginning are the beginning of those of the file.
    """
    audio = torch.from_numpy(np.ascontiguousarray(samples, np.float32)).to(device)
    return codec.encode(audio[None, None])[0, 0].cpu().numpy()
