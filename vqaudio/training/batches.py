"""Batches on their way from a corpus to a codec: who speaks, on which device, whole or in parts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema_codebook import EmaCodebook

Batch = tuple[Tensor, Tensor | None, Tensor | None]  # audio `b 1 n`, speakers `b`, lengths `b`


def speaker_numbers(num_speakers: int, known: Sequence[str], present: Sequence[str]) -> np.ndarray | None:
    """For every speaker present the number that the decoder is told; None for a codec without speakers.

    That is the speaker's place among the known ones, those trained on; a speaker who is not among them, or unknown
    (-1, the last entry), gets 0.  Raises VqaudioError for more known speakers than the codec has places.
    """
    if not num_speakers:
        return None
    if len(known) > num_speakers:
        raise VqaudioError(
            f"the corpus has {len(known)} speakers and the codec knows {num_speakers}; "
            f"set codec.num_speakers={len(known)}"
        )
    places = {name: place for place, name in enumerate(known)}
    return np.array([places.get(name, 0) for name in present] + [0])


def on_device(arrays: dict[str, np.ndarray], device: torch.device, numbers: np.ndarray | None) -> Batch:
    """What a dataset gave (audio `b 1 n`, lengths `b`, speaker `b`) as tensors; None for what the codec does not need.

    numbers: see `speaker_numbers`.  Lengths are None where all of the audio is real.
    """
    audio = torch.from_numpy(arrays["audio"]).to(device, non_blocking=True)
    speakers = None if numbers is None else torch.from_numpy(numbers[arrays["speaker"]]).to(device)
    is_padded = arrays["lengths"].min() < audio.shape[-1]
    return audio, speakers, torch.from_numpy(arrays["lengths"]).to(device) if is_padded else None


def batch_parts(num_parts: int, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> list[Batch]:
    """Equal parts of audio `b 1 n`, speakers and lengths `b`, in order; None stays None.

    Raises VqaudioError if b does not divide so.
    """
    if num_parts < 1 or audio.shape[0] % num_parts:
        raise VqaudioError(
            f"accumulation={num_parts} cannot share the {audio.shape[0]} crops of a process equally; "
            f"batch_size must be a multiple of it times the number of processes"
        )
    size = audio.shape[0] // num_parts
    return [
        (audio[one], None if speakers is None else speakers[one], None if lengths is None else lengths[one])
        for one in (slice(start, start + size) for start in range(0, audio.shape[0], size))
    ]


def set_accumulation(module: nn.Module, num_parts: int) -> None:
    """Lets codebooks move once per batch, by the frames of all its parts, as gradients do."""
    for layer in module.modules():
        if isinstance(layer, EmaCodebook):
            layer.num_parts = num_parts
