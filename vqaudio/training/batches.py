"""Training batches for a codec: speaker numbers, transfer to a device, parts for gradient accumulation."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema_codebook import EmaCodebook

Batch = tuple[Tensor, Tensor | None, Tensor | None]  # audio `b 1 n`, speakers `b`, lengths `b`


def speaker_numbers(num_speakers: int, known: Sequence[str], present: Sequence[str]) -> np.ndarray | None:
    """Number every speaker present for the decoder's speaker conditioning; None for a codec without speakers.

    The number is the speaker's index among the known ones, those trained on; a speaker who is not among them, or
    unknown (-1, the last entry), gets 0.  Raises VqaudioError for more known speakers than the codec has places.
    """
    if not num_speakers:
        return None
    if len(known) > num_speakers:
        raise VqaudioError(
            f"the corpus has {len(known)} speakers and the codec knows {num_speakers}; "
            f"set codec.num_speakers={len(known)}"
        )
    indices = {name: index for index, name in enumerate(known)}
    return np.array([indices.get(name, 0) for name in present] + [0])


def on_device(arrays: dict[str, np.ndarray], device: torch.device, numbers: np.ndarray | None) -> Batch:
    """Convert a dataset's arrays (audio `b 1 n`, lengths `b`, speaker `b`) to tensors on a device.

    numbers: see `speaker_numbers`; None gives no speakers.  Lengths are None where all of the audio is real.
    """
    audio = torch.from_numpy(arrays["audio"]).to(device, non_blocking=True)
    speakers = None if numbers is None else torch.from_numpy(numbers[arrays["speaker"]]).to(device)
    is_padded = arrays["lengths"].min() < audio.shape[-1]
    return audio, speakers, torch.from_numpy(arrays["lengths"]).to(device) if is_padded else None


def batch_parts(num_parts: int, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> list[Batch]:
    """Split audio `b 1 n`, speakers and lengths `b` into equal parts, in order; None stays None.

    Raises VqaudioError if b does not divide so.
    """
    if num_parts < 1 or audio.shape[0] % num_parts:
        raise VqaudioError(
            f"accumulation={num_parts} cannot share the {audio.shape[0]} crops of a process equally; "
            f"batch_size must be a multiple of it times the number of processes"
        )
    size = audio.shape[0] // num_parts
    return [
        (audio[rows], None if speakers is None else speakers[rows], None if lengths is None else lengths[rows])
        for rows in (slice(start, start + size) for start in range(0, audio.shape[0], size))
    ]


def set_accumulation(module: nn.Module, num_parts: int) -> None:
    """Make codebooks move once per batch, by the frames of all its parts, as gradients do."""
    for layer in module.modules():
        if isinstance(layer, EmaCodebook):
            layer.num_parts = num_parts
