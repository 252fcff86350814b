"""The JSON Lines format: one object a line.

lists       {"id": ..., "input_ids": [17, 3]}                 a grid: {"id": ..., "codes": [[17, 3], [5, 1]]}
tokens      {"id": ..., "text": "<|s_17|><|s_3|>"}            the names of the tokenizer of format hf
speechgpt   {"id": ..., "units": "<sosp><17><3><eosp>"}       as SpeechGPT writes units (arXiv:2305.11000)
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile

STYLES = ("lists", "tokens", "speechgpt")
KEYS: dict[str, str] = {"lists": "input_ids", "tokens": "text", "speechgpt": "units"}
GRID_KEY = "codes"
START, END = "<sosp>", "<eosp>"
_TOKEN = re.compile(r"<[^>]*>")


class JSONLinesWriter:
    """A writer of one line for each sequence."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._style = plan.options.style
        self._plan, self._words = plan, plan.vocabulary
        self._file = GrowingFile(folder / f"{split}.jsonl", state.get("num_bytes", 0))

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        known = {name: value for name, value in sequence.description().items() if name != "text"}
        content = known | {_key(self._plan): self._styled(self._plan.shaped(sequence.tokens).tolist())}
        self._file.write((json.dumps(content, ensure_ascii=False) + "\n").encode())

    def checkpoint(self) -> dict[str, Any]:
        """Flush the file and return its length."""
        return {"num_bytes": self._file.sync()}

    def close(self) -> None:
        """Flush the file."""
        self._file.sync()

    def _styled(self, tokens: list[Any]) -> str | list[Any]:
        vocabulary, style = self._words, self._style
        if style == "lists":
            return tokens
        names = [vocabulary.names[n - vocabulary.offset] for n in tokens]
        if style == "tokens":
            return "".join(names)
        end = vocabulary.offset + vocabulary.num_symbols
        plain = [f"<{n}>" if vocabulary.offset <= n < end else name for n, name in zip(tokens, names, strict=True)]
        return START + "".join(plain) + END


def read_jsonl(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read the tokens of each line.  Raises VqaudioError for a line that is none of the style's."""
    path, key = folder / f"{split}.jsonl", _key(plan)
    names = {name: number for number, name in enumerate(plan.vocabulary.names, plan.vocabulary.offset)}
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                content = parse_json(line)[key]
                tokens = content if isinstance(content, list) else _parsed(content, names)
                yield plan.flat(np.array(tokens, dtype=np.int64))
            except (ValueError, KeyError, TypeError) as error:
                raise VqaudioError(f"{path}, line {number}: {error!r}") from None


def finish_jsonl(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Do nothing: the lines stand alone."""


def _parsed(content: str, names: dict[str, int]) -> list[int]:
    matches = _TOKEN.findall(content)
    if "".join(matches) != content:
        raise ValueError("text between the tokens")
    tokens = [token for token in matches if token not in (START, END)]
    return [names[token] if token in names else int(token[1:-1]) for token in tokens]


def _key(plan: Plan) -> str:
    return GRID_KEY if plan.options.is_grid else KEYS[plan.options.style]
