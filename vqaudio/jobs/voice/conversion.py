"""Voice conversion: the codes of one speaker, decoded with the speaker embedding of another.

Source: van den Oord et al. 2017, arXiv:1711.00937, section 4.3.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.audio.files import read_audio, read_blocks, write_blocks
from vqaudio.codec.model import Codec
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder
from vqaudio.core.durable import make_folder
from vqaudio.core.errors import VqaudioError

Samples = NDArray[np.float32]


class Voice(NamedTuple):
    """A target voice.  name: who it is, in words.  embedding: `1 e`."""

    name: str
    embedding: Tensor


def find_voice(codec: Codec, to: str) -> Voice:
    """Find one of the codec's known speakers by id, or the voice of a recording by its path.

    An id goes before a file of that name; `./NAME` means the file.
    Raises VqaudioError for a codec without speakers, or if `to` is neither.
    """
    if codec.decoder.conditioning is None:
        raise VqaudioError(
            f"{codec.name} was trained without speakers: its codes hold the voice, and its decoder gives that back; "
            "convert with a codec whose decoder is told who speaks, such as --codec units-16k"
        )
    known = codec.known_speakers
    if known is not None and to in known.names:
        return Voice(f"speaker {to}, known to {codec.name}", known.find(to))
    if not Path(to).is_file():
        raise VqaudioError(f"no voice {to!r}: no recording has that path, and {_not_known(codec, to)}")
    if codec.reference is None:
        raise VqaudioError(
            f"{codec.name} knows speakers by a table only, so {to} says nothing to it; give a speaker's id"
        )
    audio = torch.from_numpy(read_audio(to, codec.grid.sample_rate_hz))[None, None]
    if not audio.any():
        raise VqaudioError(f"{to} is silent: there is no voice in it")
    with torch.inference_mode():
        return Voice(f"the voice heard in {to}", codec.embed(audio.to(codec.device)))


def _not_known(codec: Codec, name: str) -> str:
    if codec.known_speakers is None:
        return f"{codec.name} knows no speaker by name"
    try:
        codec.known_speakers.find(name)
    except VqaudioError as error:
        return str(error)
    raise AssertionError("a known speaker was found before")


def convert(codec: Codec, samples: Samples, voice: Voice) -> Samples:
    """Convert samples `n`, at the codec's rate, to another voice: `n`."""
    return np.concatenate(list(converted_blocks(codec, [samples], voice)))


def converted_blocks(codec: Codec, blocks: Iterable[Samples], voice: Voice) -> Iterator[Samples]:
    """Convert sound that comes in blocks, in memory that does not grow; as many samples as came."""
    encoder, decoder = StreamingEncoder(codec), StreamingDecoder(codec, embedding=voice.embedding)
    num_samples = 0
    for block in blocks:
        num_samples += len(block)
        yield decoder.push(encoder.push(block))
    yield decoder.push(encoder.finish())
    yield decoder.finish(num_samples)


def convert_file(codec: Codec, source: str | Path, voice: Voice, out: Path) -> None:
    """Convert a recording to a wav file of the same length.

    Raises VqaudioError if either cannot be read or written.
    """
    rate_hz = codec.grid.sample_rate_hz
    make_folder(out.parent)
    write_blocks(out, converted_blocks(codec, read_blocks(source, rate_hz), voice), rate_hz)
