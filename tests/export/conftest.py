"""A token store of three shards: 3 codebooks of 8, several speakers, names that formats find hard."""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

HOP_SAMPLES, RATE_HZ = 320, 16_000
STAMP = CodecStamp("tiny", "0" * 64, RATE_HZ, HOP_SAMPLES, 3, 8)
NAMES = [
    "plain.wav",
    "a b/c.wav",
    "pipe|name.flac",
    "per%20cent.wav",
    "tab\tname.wav",
    "Größe/猫.wav",
    "dots.in.name.wav",
]


def rows_of(num_rows: int, seed: int = 0) -> list[TokenRow]:
    """Rows with repeats in them, one without any frame, some without speaker or text."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(num_rows):
        num_runs = 0 if number == 3 else int(generator.integers(1, 12))
        codes = generator.integers(0, 8, (3, num_runs)).astype(np.uint16)
        codes = np.repeat(codes, generator.integers(1, 4, num_runs), axis=1)
        num_samples = codes.shape[1] * HOP_SAMPLES
        name = NAMES[number] if number < len(NAMES) else f"more/{number:03}.wav"
        speaker = None if number % 5 == 0 else f"speaker {number % 4}|é"
        text = None if number % 3 == 0 else f"Säg {number}"
        rows.append(TokenRow(name, codes, num_samples, RATE_HZ, num_samples / RATE_HZ, speaker, text))
    return rows


def write_store(folder: Path, rows: list[TokenRow], stamp: CodecStamp = STAMP, rows_per_shard: int = 9) -> TokenStore:
    """The rows as a store."""
    with TokenWriter(folder, stamp, rows_per_shard=rows_per_shard) as writer:
        for row in rows:
            writer.append(row)
    return TokenStore.open(folder)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    """25 rows in 3 shards."""
    return write_store(tmp_path_factory.mktemp("store") / "tokens", rows_of(25))


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory):
    """Rows, and a stamp where it is another -> a store."""

    def make(rows: list[TokenRow], stamp: CodecStamp = STAMP, rows_per_shard: int = 9) -> TokenStore:
        return write_store(tmp_path_factory.mktemp("store") / "tokens", rows, stamp, rows_per_shard)

    return make


@pytest.fixture(scope="session")
def make_rows():
    """How many rows -> the rows."""
    return rows_of


@pytest.fixture(scope="session")
def text_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text tokenizer of 256 bytes and one special token, as GPT-2's is made."""
    import json

    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("text") / "tokenizer"
    folder.mkdir()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>", "model_max_length": 1024}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
