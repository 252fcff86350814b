"""Units as a tokenizer that only encodes: the nearest mean of each hidden state."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.codec.locate import UNITS_PREFIX
from vqaudio.codec.units.centroids import Centroids, centroids_sha256, read_centroids
from vqaudio.codec.units.hidden_states import HiddenStates, open_hidden_states
from vqaudio.codec.units.naming import CENTROIDS, UnitsName, read_units_folder
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.search import nearest_codes, squared_norms
from vqaudio.quantizers.segments.distances import scaled_distances

NO_SOUND = "units hold what is said and no voice: there is no sound in them to decode; vocoders that were trained on "
NO_SOUND += "such units read `vqaudio export --format gslm`"


class UnitsTokenizer:
    """A tokenizer of one codebook whose codes are units: an AudioTokenizer without sound.  See `open_units`.

    The units of a recording are those of a direct call of the model on it, without any padding.  Its convolutions give
    one or two frames fewer than there are hops, ceil(n / hop): the last unit is repeated for them, so that the time
    grid is the one of every other codec.
    """

    num_codebooks = 1

    def __init__(self, states: HiddenStates, centroids: Centroids) -> None:
        if centroids.shape[1] != states.width:
            raise VqaudioError(
                f"the means have {centroids.shape[1]} numbers, the hidden states of {states.name} have {states.width}; "
                "they were fitted to another model"
            )
        self.states, self.grid, self.codebook_size = states, states.grid, len(centroids)
        self.name = f"{UNITS_PREFIX}{states.name}/L{states.layer}/kmeans-{len(centroids)}"
        weights = f"{states.weights_sha256} {centroids_sha256(centroids)}"
        self.weights_sha256 = hashlib.sha256(weights.encode()).hexdigest()
        self.config_sha256 = hashlib.sha256(json.dumps(states.settings, sort_keys=True).encode()).hexdigest()
        self._centroids = torch.from_numpy(centroids).to(states.device)
        self._norms = squared_norms(self._centroids)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.states.device

    @torch.inference_mode()
    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Encode audio `b 1 n`; lengths: `b` samples that are real.  Returns codes `b 1 t`, 0 past a row's length."""
        ends = [audio.shape[-1]] * len(audio) if lengths is None else lengths.tolist()
        rows = [self._encode_row(row[0, 0, :end]) for row, end in zip(audio.split(1), ends, strict=True)]
        num_frames = self.grid.num_frames(audio.shape[-1])
        return torch.stack([F.pad(row, (0, num_frames - len(row))) for row in rows])[:, None]

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """Raise VqaudioError: units alone hold no sound."""
        raise VqaudioError(f"{self.name}: {NO_SOUND}")

    @torch.inference_mode()
    def distances(self, samples: NDArray[np.float32]) -> Tensor:
        """Compute the scaled distances `t v` of the frames of a recording `n`; see `scaled_distances`."""
        return self._on_grid(scaled_distances(self._centroids)(self._vectors(samples)), len(samples))

    def _encode_row(self, samples: Tensor) -> Tensor:
        vectors = self._vectors(samples.cpu().numpy().astype(np.float32))
        return self._on_grid(nearest_codes(vectors, self._centroids, self._norms), len(samples))

    def _vectors(self, samples: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(self.states(samples)).to(self.device)

    def _on_grid(self, frames: Tensor, num_samples: int) -> Tensor:
        """Repeat the last of frames `t ...` for those that the convolutions leave out."""
        num_frames = self.grid.num_frames(num_samples)
        last = frames[-1:].expand(max(0, num_frames - len(frames)), *frames.shape[1:])
        return torch.cat([frames, last])[:num_frames]


def open_units(name_or_folder: str | Path, device: str = "cpu") -> UnitsTokenizer:
    """Open `units:MODEL,layer=6,kmeans=FILE`, or the folder that `vqaudio kmeans` wrote.

    Raises VqaudioError if a part is missing or damaged, or if the folder's model or means have changed.
    """
    if str(name_or_folder).startswith(UNITS_PREFIX):
        named = UnitsName.parse(str(name_or_folder))
        if named.layer is None or named.kmeans is None:
            raise VqaudioError(
                f"{name_or_folder} wants a layer and means: --codec {UNITS_PREFIX}MODEL,layer=6,kmeans=FILE, for "
                "tokenize also --layer 6 --kmeans FILE, or the folder that `vqaudio kmeans` writes"
            )
        centroids = read_centroids(named.kmeans)
        return UnitsTokenizer(open_hidden_states(named.model, named.layer, device), centroids)
    folder = Path(name_or_folder)
    facts, centroids = read_units_folder(folder), read_centroids(folder / CENTROIDS)
    if centroids_sha256(centroids) != facts.centroids_sha256:
        raise VqaudioError(f"{folder / CENTROIDS} does not have the hash that config.json names; fit or copy it again")
    states = open_hidden_states(facts.model, facts.layer, device)
    if states.weights_sha256 != facts.model_sha256:
        raise VqaudioError(f"{facts.model} has other weights than the means in {folder} were fitted to; fit them again")
    return UnitsTokenizer(states, centroids)
