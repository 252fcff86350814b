"""The stamp of an open codec."""

from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.tokens.schema import CodecStamp


def stamp_of(codec: AudioTokenizer, num_codebooks: int | None = None) -> CodecStamp:
    """Make the stamp for a store of this codec's codes.  num_codebooks: how many are stored, all if None.

    Raises VqaudioError if the codec does not have that many.
    """
    num_codebooks = codec.num_codebooks if num_codebooks is None else num_codebooks
    if not 1 <= num_codebooks <= codec.num_codebooks:
        raise VqaudioError(f"codec {codec.name} has {codec.num_codebooks} codebooks, got --codebooks {num_codebooks}")
    return CodecStamp(
        name=codec.name,
        weights_sha256=codec.weights_sha256,
        sample_rate_hz=codec.grid.sample_rate_hz,
        hop_samples=codec.grid.hop_samples,
        num_codebooks=num_codebooks,
        codebook_size=codec.codebook_size,
        config_sha256=codec.config_sha256,
    )
