"""The nanoGPT format: train.bin and val.bin, one stream of uint16 each, and meta.pkl (github.com/karpathy/nanoGPT)."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile

NAMES = {"train": "train.bin", "validation": "val.bin"}
MAX_VOCABULARY = 65_536
READ_TOKENS = 1 << 20
START = "\n"  # the default --start of nanoGPT's sample.py


class NanoGPTWriter:
    """A writer that appends sequences to the stream."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._file = GrowingFile(folder / NAMES[split], state.get("num_bytes", 0))

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        self._file.write(sequence.tokens.astype("<u2").tobytes())

    def checkpoint(self) -> dict[str, Any]:
        """Flush the file and return its length."""
        return {"num_bytes": self._file.sync()}

    def close(self) -> None:
        """Flush the file."""
        self._file.sync()


def read_nanogpt(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read the stream in pieces, mapped as nanoGPT's train.py maps it."""
    path = folder / NAMES[split]
    if path.stat().st_size % 2:
        raise VqaudioError(f"{path} has an odd number of bytes; it holds no uint16 numbers")
    if path.stat().st_size == 0:
        return  # an empty file cannot be mapped
    stream = np.memmap(path, dtype=np.uint16, mode="r")
    for start in range(0, len(stream), READ_TOKENS):
        yield np.asarray(stream[start : start + READ_TOKENS])


def finish_nanogpt(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Write meta.json, and the same as meta.pkl, which nanoGPT reads; vqaudio never does.

    nanoGPT's sample.py encodes a start character by character, by default one line end: that is what begins a document.
    """
    vocabulary = plan.vocabulary
    itos = {number: f"<|text_{number}|>" for number in range(vocabulary.offset)}  # those of a text tokenizer
    itos |= dict(enumerate(vocabulary.names[: vocabulary.num_used - vocabulary.offset], vocabulary.offset))
    stoi = {name: number for number, name in itos.items()}
    stoi[START] = vocabulary.special("<|bos|>" if plan.options.has_bos else "<|eos|>")
    content = {"vocab_size": len(itos), "itos": itos, "stoi": stoi}
    (folder / "meta.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    with open(folder / "meta.pkl", "wb") as file:
        pickle.dump(content, file, protocol=4)
