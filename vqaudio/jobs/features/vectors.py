"""Vectors of the frames of a recording: encoder outputs and codebook vectors of codecs, hidden states of models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vqaudio.codec.locate import FOREIGN_PREFIX, UNITS_PREFIX
from vqaudio.codec.units.naming import UnitsName, is_units, read_units_folder
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec
    from vqaudio.codec.units.hidden_states import HiddenStates

KINDS = ("encoder", "codebook")  # of a codec's vectors
HIDDEN_STATES = "hidden states"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureFacts:
    """Where the vectors of a recording stand in time, and whose they are.

    first_centre_s: middle of what the first vector is of.  made_by: name, kind, hashes, as JSON values.
    """

    sample_rate_hz: int
    hop_samples: int
    first_centre_s: float
    made_by: Mapping[str, Any]

    @property
    def frame_rate_hz(self) -> float:
        """Vectors in one second."""
        return FrameGrid(self.sample_rate_hz, self.hop_samples).frame_rate_hz


class FrameVectors(Protocol):
    """Computes the vectors of a recording by itself."""

    @property
    def facts(self) -> FeatureFacts:
        """Where the vectors stand in time, and whose they are."""
        ...

    def __call__(self, samples: NDArray[np.float32]) -> Vectors:
        """Compute the vectors `t d` of samples `n` at the facts' rate."""
        ...


class CodecFrames:
    """Vectors of a codec of vqaudio, of one codebook.  kind: one of KINDS, before or after the codebook."""

    def __init__(self, codec: "Codec", kind: str, codebook: int) -> None:
        if not 0 <= codebook < codec.num_codebooks:
            raise VqaudioError(f"{codec.name} has codebooks 0 to {codec.num_codebooks - 1}, not {codebook}")
        self.codec, self.kind, self.codebook, grid = codec, kind, codebook, codec.grid
        made_by = {"name": codec.name, "kind": kind, "codebook": codebook}
        made_by |= {"weights_sha256": codec.weights_sha256, "config_sha256": codec.config_sha256}
        centre_s = grid.hop_samples / 2 / grid.sample_rate_hz
        self.facts = FeatureFacts(grid.sample_rate_hz, grid.hop_samples, centre_s, made_by)

    def __call__(self, samples: NDArray[np.float32]) -> Vectors:
        """Compute the vectors of a recording; see `FrameVectors`."""
        from vqaudio.jobs.probe.vectors import codec_vectors

        found = codec_vectors(self.codec, samples, self.codebook)
        return found.encoder if self.kind == "encoder" else found.codebook


class ModelFrames:
    """Hidden states of a model of transformers: those of a direct call, so one or two fewer than there are hops."""

    def __init__(self, states: "HiddenStates") -> None:
        self.states, grid = states, states.grid
        model = str(Path(states.where).resolve()) if Path(states.where).exists() else states.where
        made_by = {"name": f"{UNITS_PREFIX}{states.name}/L{states.layer}", "kind": HIDDEN_STATES, "model": model}
        made_by |= {"model_sha256": states.weights_sha256, "layer": states.layer}
        centre_s = states.receptive_field / 2 / grid.sample_rate_hz
        self.facts = FeatureFacts(grid.sample_rate_hz, grid.hop_samples, centre_s, made_by)

    def __call__(self, samples: NDArray[np.float32]) -> Vectors:
        """Compute the vectors of a recording; see `FrameVectors`."""
        return self.states(samples)


def open_vectors(
    codec: str, *, kind: str = KINDS[0], codebook: int = 0, layer: int | None = None, device: str = "cpu"
) -> FrameVectors:
    """Open a codec of vqaudio, or `units:MODEL` or a folder of units for the hidden states of its model.

    kind, codebook: of a codec.  layer: of a model.  Raises VqaudioError for a codec without vectors, for
    options of the other sort, and what opening raises.
    """
    if is_units(codec):
        from vqaudio.codec.units.hidden_states import open_hidden_states

        if (kind, codebook) != (KINDS[0], 0):
            raise VqaudioError("--kind and --codebook are of codecs of vqaudio; of a model a --layer is read")
        named = UnitsName.parse(codec) if codec.startswith(UNITS_PREFIX) else _in_folder(Path(codec))
        if (layer is None) == (named.layer is None):
            raise VqaudioError(f"name the layer of {codec} once: --layer 6")
        return ModelFrames(open_hidden_states(named.model, layer or named.layer or 0, device))
    if layer is not None:
        raise VqaudioError(f"--layer goes with {UNITS_PREFIX}MODEL, not with {codec}")
    if codec.startswith(FOREIGN_PREFIX):
        raise VqaudioError(f"{codec} shows no vectors here; wanted a codec of vqaudio or {UNITS_PREFIX}MODEL")
    from vqaudio.codec.saving import open_codec

    return CodecFrames(open_codec(codec, device), kind, codebook)


def _in_folder(folder: Path) -> UnitsName:
    facts = read_units_folder(folder)
    return UnitsName(facts.model, facts.layer)
