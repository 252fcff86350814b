"""The folder of an exported codec: encoder.onnx, decoder.onnx, codec.json about both, and run.py that uses them."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqaudio.codec.speakers import resolve_speaker_embeddings
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.export.onnx import script
from vqaudio.export.onnx.graphs import DecoderGraph, EncoderGraph, flat
from vqaudio.quantizers.frames import check_num_codebooks
from vqaudio.tokens.schema import CodecStamp

FORMAT_VERSION = 1
OPSET = 20  # the first with Gelu
ENCODER, DECODER, FACTS, SCRIPT = "encoder.onnx", "decoder.onnx", "codec.json", "run.py"
TRACED_ROWS = 2  # a size of 1 would be taken for a constant


def export_codec(codec: NeuralCodec, out: Path, num_codebooks: int | None = None, *, stamp: CodecStamp) -> None:
    """Write the folder of a codec, with the first num_codebooks or all.

    Raises VqaudioError without the extra `onnx`, if a file cannot be written, or for a codec that takes pitch.
    """
    require_onnx()
    if codec.decoder.pitch is not None:
        raise VqaudioError(f"the decoder of {codec.name} takes pitch beside the codes, which no graph takes")
    num_codebooks = check_num_codebooks(num_codebooks, codec.num_codebooks)
    encoder, decoder = EncoderGraph(codec, num_codebooks), DecoderGraph(codec)
    make_folder(out)
    write_encoder(encoder, codec, out / ENCODER)
    write_decoder(decoder, codec, out / DECODER, num_codebooks)
    facts = facts_of(codec, encoder, decoder, stamp)
    replace_durably(out / FACTS, lambda path: path.write_text(json.dumps(facts, indent=1) + "\n"))
    text = Path(script.__file__).read_text(encoding="utf-8")
    replace_durably(out / SCRIPT, lambda path: path.write_text(text, encoding="utf-8"))


def facts_of(codec: NeuralCodec, encoder: EncoderGraph, decoder: DecoderGraph, stamp: CodecStamp) -> dict[str, Any]:
    """Collect what a program must know to use the graphs, as JSON values."""
    speaker = resolve_speaker_embeddings(codec, None, None, 1)
    return {
        "format_version": FORMAT_VERSION,
        "codec": stamp.to_json(),
        "window_frames": codec.window_frames,
        "encoder": {
            "file": ENCODER,
            "lookahead_frames": codec.encoder.lookahead_frames,
            "state": describe(encoder.zero_state),
        },
        "decoder": {
            "file": DECODER,
            "lookahead_frames": codec.decoder.lookahead_frames,
            "speaker": None if speaker is None else speaker[0].tolist(),
            "state": describe(decoder.zero_state),
        },
    }


def require_onnx() -> None:
    """Check that the libraries of the extra are there.  Raises VqaudioError if one is not."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise VqaudioError(f"ONNX needs two libraries more: pip install 'vqaudio[onnx]' ({error})") from None


def write_encoder(graph: EncoderGraph, codec: NeuralCodec, path: Path) -> None:
    """Write the encoder: audio `b 1 t*hop` and a state to codes `b k t` and the next state."""
    audio = torch.zeros(TRACED_ROWS, 1, codec.window_frames * codec.grid.hop_samples)
    frames = torch.export.Dim("frames")
    _write(graph, {"audio": audio}, [{2: codec.grid.hop_samples * frames}], "codes", path)


def write_decoder(graph: DecoderGraph, codec: NeuralCodec, path: Path, num_codebooks: int) -> None:
    """Write the decoder: codes `b k t`, is_real `b t`, perhaps speaker `b e`, and a state to audio and the next."""
    frames = torch.export.Dim("frames")
    codes = torch.zeros(TRACED_ROWS, num_codebooks, codec.window_frames, dtype=torch.int64)
    inputs, sizes = (
        {"codes": codes, "is_real": torch.ones(TRACED_ROWS, codec.window_frames)},
        [{2: frames}, {1: frames}],
    )
    if graph.has_speaker:
        inputs["speaker"] = torch.zeros(TRACED_ROWS, codec.decoder.conditioning.width)
        sizes.append({})
    _write(graph, inputs, sizes, "audio", path)


def describe(state: Any) -> list[dict[str, Any]]:
    """Describe the tensors of a state before the first window: names, shapes without the batch, and the one value."""
    tensors = flat(state, state)
    assert all(bool((tensor == tensor.flatten()[0]).all()) for tensor in tensors), "a state that is not of one value"
    return [
        {"name": f"state_{number}", "shape": list(tensor.shape[1:]), "fill": tensor.flatten()[0].item()}
        for number, tensor in enumerate(tensors)
    ]


def _write(
    graph: EncoderGraph | DecoderGraph,
    inputs: dict[str, Tensor],
    sizes: Sequence[dict[int, Any]],
    output: str,
    path: Path,
) -> None:
    """Trace a graph on inputs, of which the axes in sizes and the batch may have any length, and write it."""
    state = [
        tensor.expand(TRACED_ROWS, *tensor.shape[1:]).clone() for tensor in flat(graph.zero_state, graph.zero_state)
    ]
    names = [f"state_{number}" for number in range(len(state))]
    batch = torch.export.Dim("batch")
    rows = [{0: batch, **size} for size in sizes] + [{0: batch}] * len(state)
    with torch.no_grad(), silence():
        program = torch.onnx.export(
            graph.eval(),
            (*inputs.values(), *state),
            dynamo=True,
            input_names=[*inputs, *names],
            output_names=[output, *(f"next_{name}" for name in names)],
            dynamic_shapes=(*rows[: graph.num_named], tuple(rows[graph.num_named :])),
            opset_version=OPSET,
            optimize=False,  # it takes x + 1e-18 for x
            verbose=False,
        )
        assert program is not None
        replace_durably(path, lambda temporary: program.save(str(temporary), external_data=False))


@contextmanager
def silence() -> Iterator[None]:
    """Keep what the exporter says about other libraries from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
