"""Stamps and codecs: the stamp of an open codec, and the codec that a stamp names."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vqaudio.codec.locate import find_shipped
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.tokens.schema import CodecStamp

if TYPE_CHECKING:
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.codec.model import Codec
    from vqaudio.codec.units.tokenizer import UnitsTokenizer


def stamp_of(
    codec: AudioTokenizer,
    num_codebooks: int | None = None,
    segments: SegmentSetting | None = None,
    pitch_steps: int = 0,
) -> CodecStamp:
    """Make the stamp for a store of this codec's codes.  num_codebooks: how many are stored, all if None.

    segments: how frames become segments, if they do.  pitch_steps: of the pitch beside the codes, 0 for none.
    Raises VqaudioError if the codec does not have that many, or for segments of more than one.
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
        segments=segments,
        pitch_steps=pitch_steps,
    )


def open_stamped(
    stamp: CodecStamp, name_or_folder: str | None = None, device: str = "cpu"
) -> "Codec | ForeignCodec | UnitsTokenizer":
    """Open the tokenizer that made codes: the shipped one with those weights, of whatever version, or the one named.

    Raises VqaudioError if it is not at hand or is another one.
    """
    from vqaudio.codec.saving import open_tokenizer  # imports torch

    return _open_stamped(open_tokenizer, stamp, name_or_folder, device)


def open_stamped_speaking(
    stamp: CodecStamp, name_or_folder: str | None = None, device: str = "cpu"
) -> "Codec | ForeignCodec":
    """Open the codec that made codes as `open_stamped` does, to decode them.  Raises VqaudioError for units as well."""
    from vqaudio.codec.saving import open_speaking

    return _open_stamped(open_speaking, stamp, name_or_folder, device)


Opened = TypeVar("Opened", bound=AudioTokenizer)


def _open_stamped(
    open_named: Callable[[str, str], Opened], stamp: CodecStamp, name_or_folder: str | None, device: str
) -> Opened:
    try:
        codec = open_named(name_or_folder or find_shipped(stamp.weights_sha256) or stamp.name, device)
    except VqaudioError as error:
        if name_or_folder:
            raise
        raise VqaudioError(f"these codes were made by {stamp}; give its folder with --codec ({error})") from error
    stamp.require_same(stamp_of(codec))
    return codec
