"""A batch in parts, one after the other, where the whole does not fit into memory."""

from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema_codebook import EmaCodebook

Part = tuple[Tensor, Tensor | None, Tensor | None]  # audio `b 1 n`, speakers `b`, lengths `b`


def gather_batches(module: nn.Module, num_parts: int) -> None:
    """Lets codebooks move once per batch, by the frames of all its parts, as gradients do."""
    for layer in module.modules():
        if isinstance(layer, EmaCodebook):
            layer.num_parts = num_parts


def batch_parts(num_parts: int, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> list[Part]:
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
