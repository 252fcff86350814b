"""The programs that exports are for read them: datasets and a Trainer, transformers, nanoGPT, Megatron, fairseq."""

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def hf_export(store: TokenStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hf") / "out"
    options = ExportOptions("hf", pattern="flattened", has_eos=True, context_tokens=32, validation=0.4)
    export_store(store, out, options)
    return out


@pytest.mark.filterwarnings("ignore")  # datasets, accelerate and the Trainer warn about themselves
def test_a_gpt2_learns_from_the_parquet_with_nothing_in_between(hf_export, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets
    import transformers

    data = datasets.load_dataset(str(hf_export), cache_dir=str(tmp_path / "cache"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(hf_export / "tokenizer")
    assert data["train"].features["input_ids"].feature.dtype == "int32"
    assert set(data) == {"train", "validation"}
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=2, n_positions=32)
    )
    trainer = transformers.Trainer(
        model,
        transformers.TrainingArguments(
            str(tmp_path / "run"),
            max_steps=20,
            per_device_train_batch_size=4,
            learning_rate=1e-2,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
        ),
        data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False),
        train_dataset=data["train"],
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 20
    assert np.mean(losses[-3:]) < losses[0] - 0.5


def test_a_tokenizer_reads_and_writes_the_names_of_its_tokens(hf_export):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(hf_export / "tokenizer")
    text = "<|bos|><|s_17|><|s_3|><|speech|><|s_23|><|eos|>"
    ids = tokenizer(text)["input_ids"]
    assert len(tokenizer) % 64 == 0
    assert (ids[1], ids[2], ids[4]) == (17, 3, 23)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<|s_17|><|s_3|><|s_23|>"
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert json.loads((hf_export / "tokenizer" / "tokenizer_config.json").read_text())["tokenizer_class"] == (
        "PreTrainedTokenizerFast"
    )


def test_an_extended_text_tokenizer_still_reads_text_and_reads_codes_after_it(store, text_tokenizer, tmp_path):
    import transformers

    out = tmp_path / "out"
    record = export_store(store, out, ExportOptions("hf", prefix=("text",)), extend=text_tokenizer)
    before = transformers.PreTrainedTokenizerFast.from_pretrained(text_tokenizer)
    after = transformers.AutoTokenizer.from_pretrained(out / "tokenizer")
    offset = record.vocabulary.offset
    assert offset == 257
    assert json.loads((out / "export.json").read_text())["vocabulary"]["offset"] == 257
    assert len(after) == record.vocabulary.size
    assert after("héllo")["input_ids"] == before("héllo")["input_ids"]
    assert after("hi<|s_5|><|s_0|>")["input_ids"] == [*before("hi")["input_ids"], offset + 5, offset]
    assert after.eos_token == "<|endoftext|>"
    import pyarrow.parquet as pq

    row = next(row for row in pq.read_table(next(out.glob("data/train-*"))).to_pylist() if row["text"])
    assert after.decode(row["input_ids"]).startswith(f"<|text|>{row['text']}<|speech|><|s_")


@pytest.mark.parametrize("is_extending", [False, True])
def test_lines_of_names_are_read_by_the_tokenizer_that_stands_beside(is_extending, store, text_tokenizer, tmp_path):
    """Of a text tokenizer, the one that the export extended; else that of the format hf."""
    import transformers

    chosen = {"prefix": ("speaker",) if is_extending else ("speaker", "text"), "has_eos": True}
    extend = text_tokenizer if is_extending else None
    export_store(store, tmp_path / "names", ExportOptions("jsonl", "tokens", **chosen), extend=extend)
    export_store(store, tmp_path / "ids", ExportOptions("jsonl", "lists", **chosen), extend=extend)
    folder = tmp_path / "names" / "tokenizer"
    if not is_extending:
        export_store(store, tmp_path / "hf", ExportOptions("hf", **chosen))
        folder = tmp_path / "hf" / "tokenizer"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    names, ids = ((tmp_path / name / "train.jsonl").read_text().splitlines() for name in ("names", "ids"))
    assert len(names) == len(ids) > 10
    for line, wanted in zip(names, ids, strict=True):
        assert tokenizer(json.loads(line)["text"])["input_ids"] == json.loads(wanted)["input_ids"]


def test_nanogpt_draws_its_batches(store, tmp_path):
    out = tmp_path / "out"
    record = export_store(store, out, ExportOptions("nanogpt", has_eos=True, validation=0.4))
    for name, split in (("train", "train"), ("val", "validation")):
        data = np.memmap(out / f"{name}.bin", dtype=np.uint16, mode="r")  # as in nanoGPT's get_batch
        places = np.random.default_rng(0).integers(0, len(data) - 8, 4)
        x = np.stack([data[i : i + 8].astype(np.int64) for i in places])
        y = np.stack([data[i + 1 : i + 1 + 8].astype(np.int64) for i in places])
        assert (x[:, 1:] == y[:, :-1]).all()
        eos = record.vocabulary.special("<|eos|>")
        assert (data == eos).sum() == record.counts[split]["documents"]
    meta = json.loads((out / "meta.json").read_text())
    assert meta["vocab_size"] == len(meta["itos"]) == 3 * 8 + 6 > int(data.max())
    assert not [name for name in meta["stoi"] if "unused" in name]
    assert meta["itos"]["17"] == "<|s_17|>"
    assert meta["stoi"]["<|s_17|>"] == 17
    assert (out / "meta.pkl").stat().st_size > 100


@pytest.mark.parametrize(("has_bos", "start"), [(False, "<|eos|>"), (True, "<|bos|>")])
def test_nanogpt_samples_from_its_own_default_start_and_the_text_it_prints_is_read(has_bos, start, store, tmp_path):
    """encode, decode and the prints as in nanoGPT's sample.py, whose --start is one line end."""
    from vqaudio import codes_from_ids

    out = tmp_path / "out"
    export_store(store, out, ExportOptions("nanogpt", num_codebooks=2, has_eos=True, has_bos=has_bos, validation=0))
    with open(out / "meta.pkl", "rb") as file:
        meta = pickle.load(file)
    stoi, itos = meta["stoi"], meta["itos"]
    begun = [stoi[c] for c in "\n"]
    assert [itos[i] for i in begun] == [start]
    drawn = np.random.default_rng(0).integers(0, meta["vocab_size"], (3, 500))
    printed = "".join("".join([itos[i] for i in [*begun, *row]]) + "\n---------------\n" for row in drawn.tolist())
    (tmp_path / "samples.txt").write_text(printed)
    text, ids = (
        codes_from_ids(tmp_path / "samples.txt", out),
        codes_from_ids([[*begun, *row] for row in drawn.tolist()], out),
    )
    assert [codes.tolist() for codes in text.codes] == [codes.tolist() for codes in ids.codes]
    assert (text.num_ids, text.num_unknown) == (ids.num_ids, ids.num_unknown) == (3 * 501, 0)
    assert len(text.codes) > 3


class MegatronIndex:
    """Megatron's own way to read an index, by its published layout: arrays mapped one behind the other."""

    def __init__(self, prefix: Path) -> None:
        index = prefix.with_suffix(".idx").read_bytes()
        assert index[:9] == b"MMIDIDX\x00\x00"
        assert struct.unpack_from("<Q", index, 9)[0] == 1
        dtype = {1: "u1", 2: "i1", 3: "i2", 4: "i4", 5: "i8", 6: "f8", 7: "f4", 8: "u2"}[index[17]]
        num_sequences, num_documents = struct.unpack_from("<QQ", index, 18)
        self.lengths = np.frombuffer(index, "<i4", num_sequences, offset=34)
        self.pointers = np.frombuffer(index, "<i8", num_sequences, offset=34 + 4 * num_sequences)
        self.documents = np.frombuffer(index, "<i8", num_documents, offset=34 + 12 * num_sequences)
        assert len(index) == 34 + 12 * num_sequences + 8 * num_documents
        self.data = np.fromfile(prefix.with_suffix(".bin"), dtype=f"<{dtype}")
        self.item_bytes = self.data.itemsize

    def __getitem__(self, number: int) -> np.ndarray:
        start = self.pointers[number] // self.item_bytes
        return self.data[start : start + self.lengths[number]]


@pytest.mark.parametrize(("size", "item_bytes"), [(8, 2), (30_000, 4)])
def test_megatron_finds_every_document(size, item_bytes, make_store, make_rows, tmp_path):
    from vqaudio.tokens.schema import CodecStamp

    store = make_store(make_rows(12), CodecStamp("tiny", "0" * 64, 16_000, 320, 3, size))
    record = export_store(store, tmp_path / "out", ExportOptions("megatron", has_eos=True, validation=0))
    index = MegatronIndex(tmp_path / "out" / "train")
    assert index.item_bytes == item_bytes
    assert index.documents.tolist() == list(range(13))
    for number, row in enumerate(store):
        body = (row.codes.astype(np.int64) + np.arange(3)[:, None] * size).T.ravel()
        assert index[number].tolist() == [*body, record.vocabulary.special("<|eos|>")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "documents",
        "export.json",
        "train.bin",
        "train.idx",
        "validation.bin",
        "validation.idx",
    ]


def load_hubert_manifest(folder: Path, split: str, label_rate: float) -> list[tuple[str, int, list[int]]]:
    """Files, sizes and labels as fairseq reads them (`load_audio`, `load_label_offset`, `verify_label_lengths` and the
    encoding by `Dictionary`, in fairseq/data/audio/hubert_dataset.py and fairseq/data/dictionary.py, v0.12.2)."""
    with (folder / f"{split}.tsv").open() as file:
        root = file.readline().strip()
        names, sizes = [], []
        for line in file:
            items = line.strip().split("\t")
            assert len(items) == 2, line
            names.append(items[0])
            sizes.append(int(items[1]))
    with (folder / f"{split}.km").open() as file:
        code_lengths = [len(line.encode("utf-8")) for line in file]
    assert len(code_lengths) == len(names), f"number of labels does not match ({len(code_lengths)} != {len(names)})"
    offsets = np.cumsum([0, *code_lengths])
    numbers = {}
    with (folder / "dict.km.txt").open(encoding="utf-8") as file:
        for line in file:
            word, count = line.rstrip().rsplit(" ", 1)
            assert word not in numbers
            assert int(count) > 0
            numbers[word] = len(numbers)
    labels = []
    for begin, end, size in zip(offsets, offsets[1:], sizes, strict=False):
        with (folder / f"{split}.km").open("rb") as file:
            file.seek(begin)
            label = file.read(end - begin).decode("utf-8").rstrip()
        labels.append([numbers[word] for word in label.split()])
        assert abs(size / RATE_HZ - len(labels[-1]) / label_rate) <= 0.1  # tol of verify_label_lengths
    return [(f"{root}/{name}", size, label) for name, size, label in zip(names, sizes, labels, strict=True)]


def test_fairseq_finds_every_recording_with_its_labels(store, tmp_path):
    plain = [row for row in store if "\t" not in row.id]
    with TokenWriter(tmp_path / "plain", store.stamp) as writer:
        for row in plain:
            writer.append(row)
    options = ExportOptions("text", "fairseq", num_codebooks=1, validation=0.3, root="/corpus")
    export_store(TokenStore.open(tmp_path / "plain"), tmp_path / "out", options)
    found = [entry for split in ("train", "valid") for entry in load_hubert_manifest(tmp_path / "out", split, 50)]
    wanted = {f"/corpus/{row.id}": (row.num_samples, row.codes[0].tolist()) for row in plain}
    assert {name: (size, labels) for name, size, labels in found} == wanted
