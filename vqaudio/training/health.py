"""Health of a training run: codebook usage, held-out speech, memory."""

import sys

import torch
from torch import Tensor, nn

from vqaudio.core.protocols import NeuralCodec
from vqaudio.quantizers.interface import Quantizer

MIN_USAGE = 0.5  # below this a codebook wastes at least one of its bits
MAX_TOP_SHARE = 0.25  # one code for a quarter of all frames: it stands for silence, or for everything


def health_report(quantizer: Quantizer) -> tuple[dict[str, list[float]], list[str]]:
    """Report usage, perplexity, dead codes and top-code share per codebook since the last call, and warnings in words.

    Nothing of codebooks that saw no frame, because they do not learn.
    """
    books = [book for book in quantizer.statistics() if book.num_frames]
    quantizer.reset_statistics()
    if not books:
        return {}, []
    figures = {
        "usage": [round(book.usage, 4) for book in books],
        "perplexity": [round(book.perplexity, 1) for book in books],
        "dead_codes": [book.num_dead for book in books],
        "top_share": [round(book.top_share, 4) for book in books],
    }
    warnings = []
    for number, book in enumerate(books):
        if book.usage < MIN_USAGE:
            warnings.append(f"codebook {number} uses {book.usage:.0%} of its codes; {book.num_dead} are dead")
        if book.top_share > MAX_TOP_SHARE:
            warnings.append(f"codebook {number} gives one code to {book.top_share:.0%} of the frames")
    return figures, warnings


@torch.no_grad()
def held_out_figures(
    codec: NeuralCodec, distance: nn.Module, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None
) -> dict[str, float]:
    """Measure the distance of decoded speech from audio `b 1 n`, with one and all codebooks, and first-code stability.

    codec: in eval mode.  distance: of decoded and original sound, as `MelLoss`.  speakers, lengths: `b` or None.
    """
    codes, decoded, figures = codec.encode(audio, lengths), audio, {}
    embeddings, pitch = codec.speaker_embeddings(audio, speakers, lengths), codec.own_pitch(audio, lengths)
    for num_codebooks in sorted({1, codec.num_codebooks}):
        decoded = codec.decode(codes[:, :num_codebooks], audio.shape[-1], embeddings=embeddings, pitch=pitch)
        figures[f"mel_{num_codebooks}"] = float(distance(decoded, audio))
    again = codec.encode(decoded, lengths)
    figures["same_first_codes"] = float((again[:, 0] == codes[:, 0]).float().mean())
    return figures


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory of tensors on a GPU, or of this process on a CPU; 0 where it is not known."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
