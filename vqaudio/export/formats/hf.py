"""The Hugging Face format: data/<split>-*.parquet with `input_ids` (int32), tokenizer/, and a card with the splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingTable, table_files
from vqaudio.export.tokenizer import TOKENIZER, write_tokenizer
from vqaudio.tokens.splits import SPLITS

FOLDER = "data"
IDS = pa.list_(pa.int32())
READ_ROWS = 16
IN_ORDER = {"batch_readahead": 1, "fragment_readahead": 1}  # more would be read than is wanted: memory


class HuggingFaceWriter:
    """A writer of one row for each sequence; of a whole document what is known beside its tokens too."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._table = GrowingTable(folder / FOLDER, split, _schema(plan), state.get("num_files", 0))
        self._is_packed = plan.is_packed

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        row = {} if self._is_packed else sequence.description()
        self._table.write({**row, "input_ids": sequence.tokens}, weight=len(sequence.tokens))

    def checkpoint(self) -> dict[str, Any]:
        """Complete the current file and return the number of files."""
        return {"num_files": self._table.sync()}

    def close(self) -> None:
        """Complete the last file."""
        self._table.sync()


def read_hf(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read the input_ids of the rows, through pyarrow.dataset.  Raises VqaudioError if a file is damaged."""
    files = [str(path) for path in table_files(folder / FOLDER, split)]
    if not files:
        return
    try:
        table = pyarrow.dataset.dataset(files, format="parquet")
        for batch in table.to_batches(columns=["input_ids"], batch_size=READ_ROWS, use_threads=False, **IN_ORDER):
            for ids in batch.column("input_ids"):
                yield ids.values.to_numpy() if ids.is_valid else np.zeros(0, dtype=np.int32)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"{folder / FOLDER} cannot be read as Parquet: {error}") from None


def finish_hf(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Write the tokenizer, unless a text tokenizer was extended, which stands there already, and the card."""
    if not (folder / TOKENIZER / "tokenizer.json").exists():
        write_tokenizer(folder / TOKENIZER, plan.vocabulary, plan.options.context_tokens)
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in SPLITS:
        if table_files(folder / FOLDER, split):
            lines += [f"  - split: {split}", f"    path: {FOLDER}/{split}-*.parquet"]
    lines += ["---", "", "Speech as tokens, written by `vqaudio export`.", "", "```python"]
    lines += ['datasets.load_dataset("path/of/this/folder")', "```", "", "`export.json` says how to go back to codes."]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _schema(plan: Plan) -> pa.Schema:
    if plan.is_packed:
        return pa.schema([("input_ids", IDS)])
    columns = [("id", pa.string()), ("speaker", pa.string()), ("text", pa.string()), ("seconds", pa.float64())]
    if plan.options.is_deduplicated:
        columns.append(("durations", IDS))
    if plan.has_pitch:
        columns += [("pitch", pa.list_(pa.uint16())), ("pitch_median_hz", pa.float32())]
    return pa.schema([*columns, ("input_ids", IDS)])
