"""A damaged store gives the rows that were written, or words: never other codes, never a traceback."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from vqaudio.cli.main import main
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 64, "cd" * 32)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "store"
    with TokenWriter(folder, STAMP, rows_per_shard=4, save_every_s=0.0) as writer:
        for number in range(7):
            codes = rng.integers(0, 64, (2, 9 + number)).astype(np.uint16)
            writer.append(TokenRow(f"{number}.wav", codes, codes.shape[1] * 320, 16_000, 0.2, "ada", "said"))
        writer.fail("x.wav", "broken")
        writer.save_early(TokenRow("early.wav", np.zeros((2, 1), np.uint16), 320, 16_000, 0.02))
    return folder


def codes_of(folder: Path) -> dict[str, list[list[int]]]:
    return {row.id: row.codes.tolist() for row in TokenStore.open(folder)}


@pytest.mark.parametrize(
    "part", ["data/part-00001.parquet", "vqaudio.json", "failures.jsonl", "data/journal-00007.rows"]
)
def test_a_damaged_file_of_a_store_is_told_in_words_or_changes_no_code(
    part, store, tmp_path, mutations, capsys
) -> None:
    whole, damaged = codes_of(store), tmp_path / "damaged"
    for name, content in mutations((store / part).read_bytes(), share=4):
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(store, damaged)
        (damaged / part).write_bytes(content)
        try:
            found = codes_of(damaged)
        except VqaudioError:
            pass
        else:
            assert all(whole.get(row_id) == codes for row_id, codes in found.items()), name
        for arguments in (["info", str(damaged), "--usage"], ["verify", str(damaged)]):
            assert main(arguments) in (0, 1), name
        try:
            with TokenWriter(damaged, STAMP, mode="resume"):
                pass
            assert all(codes == whole.get(row_id, [[0], [0]]) for row_id, codes in codes_of(damaged).items()), name
        except VqaudioError:
            pass
        assert "Traceback" not in capsys.readouterr().err, name
