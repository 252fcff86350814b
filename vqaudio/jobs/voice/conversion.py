"""Voice conversion: the codes of one speaker, decoded with the speaker embedding of another.

Source: van den Oord et al. 2017, arXiv:1711.00937, section 4.3.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.audio.files import read_audio, read_blocks, write_blocks
from vqaudio.codec.model import Codec
from vqaudio.codec.pitch.coder import Pitch, encode_pitch_of_blocks
from vqaudio.codec.pitch.prediction import predict_median_hz
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder
from vqaudio.core.durable import make_folder
from vqaudio.core.errors import VqaudioError

Samples = NDArray[np.float32]
Height = Literal["target", "source"]


class Voice(NamedTuple):
    """A target voice.  name: who it is, in words.  embedding: `1 e`.

    median_hz: of its pitch, where it was heard; 0 where it was not, or the codec takes no pitch.
    """

    name: str
    embedding: Tensor
    median_hz: float = 0.0


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
        pitch = codec.own_pitch(audio)
        median_hz = 0.0 if pitch is None else float(pitch.median_hz)
        return Voice(f"the voice heard in {to}", codec.embed(audio.to(codec.device)), median_hz)


def _not_known(codec: Codec, name: str) -> str:
    if codec.known_speakers is None:
        return f"{codec.name} knows no speaker by name"
    try:
        codec.known_speakers.find(name)
    except VqaudioError as error:
        return str(error)
    raise AssertionError("a known speaker was found before")


def convert(codec: Codec, samples: Samples, voice: Voice, height: Height = "target") -> Samples:
    """Convert samples `n`, at the codec's rate, to another voice: `n`.  height: see `find_pitch`."""
    pitch = find_pitch(codec, lambda: [samples], voice, height)
    return np.concatenate(list(converted_blocks(codec, [samples], voice, pitch)))


def find_pitch(codec: Codec, blocks: Callable[[], Iterable[Samples]], voice: Voice, height: Height) -> Pitch | None:
    """Find the pitch with which a recording is converted; None for a codec that takes none.

    blocks: reads the recording.  height: `target` puts its melody around the median of the voice, as it was heard or,
    for one known by its embedding alone, as it is predicted; `source` leaves the melody as high as it was.
    Raises VqaudioError for `source` and a codec that takes no pitch.
    """
    if codec.pitch_predictor is None:
        if height == "source":
            raise VqaudioError(f"{codec.name} takes no pitch beside its codes, so that there is none to keep")
        return None
    pitch = encode_pitch_of_blocks(blocks(), codec.grid, codec.pitch_steps)
    if height == "source":
        return pitch
    return pitch.around(median_of_voice(codec, voice))


def median_of_voice(codec: Codec, voice: Voice) -> float:
    """Find the median of a voice in Hz, as it was heard or, where it was not, as a codec that takes pitch predicts."""
    assert codec.pitch_predictor is not None
    return voice.median_hz or float(predict_median_hz(codec.pitch_predictor, voice.embedding))


def converted_blocks(
    codec: Codec, blocks: Iterable[Samples], voice: Voice, pitch: Pitch | None = None
) -> Iterator[Samples]:
    """Convert sound that comes in blocks, in memory that does not grow; as many samples as came.

    pitch: of all of it, see `find_pitch`; None leaves it to the decoder.
    """
    median_hz = 0.0 if pitch is None else float(pitch.median_hz)
    encoder = StreamingEncoder(codec)
    decoder = StreamingDecoder(codec, embedding=voice.embedding, median_hz=median_hz)
    steps = None if pitch is None else pitch.codes[0].numpy()
    num_samples = num_frames = 0

    def spoken(codes: NDArray[np.int64]) -> Samples:
        nonlocal num_frames
        frames = slice(num_frames, num_frames + codes.shape[1])
        num_frames += codes.shape[1]
        return decoder.push(codes, None if steps is None else steps[frames])

    for block in blocks:
        num_samples += len(block)
        yield spoken(encoder.push(block))
    yield spoken(encoder.finish())
    yield decoder.finish(num_samples)


def convert_file(codec: Codec, source: str | Path, voice: Voice, out: Path, height: Height = "target") -> None:
    """Convert a recording to a wav file of the same length.  height: see `find_pitch`.

    Raises VqaudioError if either cannot be read or written.
    """
    rate_hz = codec.grid.sample_rate_hz
    make_folder(out.parent)
    pitch = find_pitch(codec, lambda: read_blocks(source, rate_hz), voice, height)
    write_blocks(out, converted_blocks(codec, read_blocks(source, rate_hz), voice, pitch), rate_hz)
