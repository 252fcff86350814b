"""`vqaudio sample --prior CHECKPOINT`: a model of transformers that learned from an export speaks."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.cli.main import main
from vqaudio.cli.terminal.priors import language_of
from vqaudio.codec.saving import open_codec
from vqaudio.core.errors import VqaudioError
from vqaudio.export.record import ExportRecord
from vqaudio.jobs.stamps import stamp_of
from vqaudio.prior.checkpoint import open_checkpoint
from vqaudio.prior.sampling import Lengths, SamplingOptions, sample_codes
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.vocabulary import Vocabulary
from vqaudio.tokens.writer import TokenWriter

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # transformers, accelerate and the Trainer warn about themselves

FLAGS = "--format hf --codebooks 2 --interleave delayed --validation 0 --quiet"


@pytest.fixture(scope="module")
def store(tiny_codec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that all say 5 6 7 8 ... in the first codebook and the same and 20 in the second."""
    folder = tmp_path_factory.mktemp("store") / "tokens"
    with TokenWriter(folder, stamp_of(open_codec(tiny_codec))) as writer:
        for number in range(8):
            first = (np.arange(30) + number) % 10
            codes = np.stack([first, first + 20, first]).astype(np.uint16)
            writer.append(TokenRow(f"{number}.wav", codes, 9600, 16_000, 0.6, f"s{number % 2}"))
    return folder


def export_of(store: Path, out: Path, *flags: str) -> Path:
    assert main(["export", str(store), "--out", str(out), *FLAGS.split(), *flags]) == 0
    return out


@pytest.fixture(scope="module")
def export(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_of(store, tmp_path_factory.mktemp("lm") / "out", "--bos", "--prefix", "speaker")


def network_of(export: Path, **chosen):
    torch.manual_seed(0)
    shape = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 96}
    size = ExportRecord.read(export).vocabulary.size
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**{"vocab_size": size, **shape, **chosen}))


@pytest.fixture(scope="module")
def checkpoint(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Trainer leaves after 60 steps."""
    import pyarrow.parquet as pq

    rows = pq.read_table(next((export / "data").glob("train-*"))).column("input_ids").to_pylist()
    data = [{"input_ids": row, "labels": row} for row in rows]
    folder = tmp_path_factory.mktemp("run")
    settings = transformers.TrainingArguments(
        str(folder), max_steps=60, per_device_train_batch_size=8, learning_rate=2e-2, report_to=[], use_cpu=True,
        disable_tqdm=True, save_steps=60, seed=0,
    )  # fmt: skip
    transformers.Trainer(network_of(export), settings, train_dataset=data).train()
    return folder / "checkpoint-60"


@pytest.fixture
def sample(tiny_codec: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / out`; returns the exit status and the folder."""

    def call(prior: Path, *flags: str) -> tuple[int, Path]:
        words = ["sample", "--prior", str(prior), "--codec", str(tiny_codec), "--out", str(tmp_path / "out")]
        return main([*words, "--num", "2", "--seconds", "0.6", "--no-pictures", *flags]), tmp_path / "out"

    return call


def test_a_checkpoint_of_the_trainer_says_what_it_has_learned(sample, checkpoint, export):
    status, out = sample(checkpoint, "--like", str(export), "--temperature", "0", "--speaker", "s1")
    assert status == 0
    assert {"sample_00.wav", "sample_01.wav", "codes.jsonl", "sample.json"} <= {path.name for path in out.iterdir()}
    for row in TokenStore.open(out / "tokens"):
        first, second = row.codes.astype(int)
        assert 25 <= len(first) <= 30
        assert np.mean((np.diff(first) % 10) == 1) > 0.9  # each frame is the one after the frame before
        assert np.mean(second == first + 20) > 0.9


def test_an_export_that_lies_beside_the_checkpoint_is_found(sample, checkpoint, export, tmp_path, capsys):
    folder = shutil.copytree(checkpoint, tmp_path / "run" / "checkpoint-60")
    assert sample(folder)[0] == 1
    assert "--like" in capsys.readouterr().err
    shutil.copy(export / "export.json", tmp_path / "run")
    assert sample(folder)[0] == 0


@pytest.mark.parametrize(
    "flags", [("--eos",), ("--bos", "--no-eos"), ("--interleave", "flattened", "--prefix", "speaker")]
)
def test_what_is_drawn_is_what_the_network_says_of_the_exports_documents(flags, store, tmp_path):
    """The likeliest codes are those that argmax over the ids of transformers' own logits gives, step by step."""
    export = export_of(store, tmp_path / "lm", *flags)
    network_of(export, initializer_range=0.5).eval().save_pretrained(tmp_path / "model")
    record = ExportRecord.read(export)
    prior = open_checkpoint(tmp_path / "model", language_of(record))
    [codes] = sample_codes(prior, 1, Lengths(5, 5), SamplingOptions(temperature=0))
    ids = prior.language.head(None).tolist()
    words, num_head = record.vocabulary, len(ids)
    wanted_head = [words.special("<|bos|>")] if record.options.has_bos else []
    wanted_head += [words.special("<|speech|>")] if record.options.prefix else []
    assert ids == (wanted_head or [words.special("<|eos|>")])
    for unit in prior.language.units(codes):
        logits = network_logits(tmp_path / "model", ids)
        place = (len(ids) - num_head) % 2
        if unit != words.num_codes:
            assert int(logits[place * 64 : (place + 1) * 64].argmax()) + place * 64 == unit
        ids.append(int(unit))


def test_a_model_that_has_seen_no_end_speaks_as_long_as_is_asked(store, tmp_path):
    export = export_of(store, tmp_path / "lm", "--bos", "--no-eos", "--codebooks", "1")
    network_of(export, initializer_range=0.5).save_pretrained(tmp_path / "model")
    prior = open_checkpoint(tmp_path / "model", language_of(ExportRecord.read(export)))
    codes = sample_codes(prior, 8, Lengths(1, 80), SamplingOptions(temperature=9.0))
    assert [one.shape for one in codes] == [(1, 80)] * 8


def test_ids_after_those_of_a_text_tokenizer_are_sampled(export, tmp_path):
    """Head, codes and padding are fed, and the codes are found, at ids that begin where those of the text end."""
    language = replace(
        language_of(ExportRecord.read(export)), words=Vocabulary(128, has_pad=True, offset=300), speakers=()
    )
    network_of(export, vocab_size=448, initializer_range=0.5).eval().save_pretrained(tmp_path / "model")
    prior = open_checkpoint(tmp_path / "model", language)
    [codes] = sample_codes(prior, 1, Lengths(1, 1), SamplingOptions(temperature=0))
    head = language.head(None).tolist()
    assert head == [300 + 129, 300 + 129 + 5]
    assert codes[0, 0] == network_logits(tmp_path / "model", head)[300 : 300 + 64].argmax()
    steps = [*head, 300 + int(codes[0, 0]), 300 + 128, 300 + 128]
    assert codes[1, 0] == network_logits(tmp_path / "model", steps)[300 + 64 : 300 + 128].argmax()
    prompt = np.array([[3], [5]])
    [codes] = sample_codes(prior, 1, Lengths(2, 2), SamplingOptions(temperature=0), prompt=prompt)
    steps = [*head, 300 + 3, 300 + 128]
    assert codes[0].tolist() == [3, network_logits(tmp_path / "model", steps)[300 : 300 + 64].argmax()]


def network_logits(folder: Path, ids: list[int]) -> torch.Tensor:
    network = transformers.GPT2LMHeadModel.from_pretrained(folder)
    with torch.inference_mode():
        return network(torch.tensor([ids])).logits[0, -1]


def test_a_context_that_is_full_goes_on(sample, export, tmp_path):
    network_of(export, n_positions=16).save_pretrained(tmp_path / "model")
    assert sample(tmp_path / "model", "--like", str(export))[0] == 0


def test_a_pickle_is_refused_and_not_loaded(sample, export, tmp_path, capsys):
    folder = tmp_path / "model"
    network_of(export).save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(print))
    assert sample(folder, "--like", str(export))[0] == 1
    assert "pytorch_model.bin is a pickle, which is never loaded" in capsys.readouterr().err


def damage_config(folder: Path, **chosen) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | chosen))


def test_code_that_lies_beside_a_checkpoint_is_not_run(sample, export, tmp_path, capsys):
    folder = tmp_path / "model"
    network_of(export).save_pretrained(folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    damage_config(folder, model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"})
    assert sample(folder, "--like", str(export))[0] == 1
    assert "no causal language model" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"hello"), "no causal language model"),
        (lambda folder: damage_config(folder, n_layer=2), "lacks weights"),
        (lambda folder: damage_config(folder, vocab_size=64), "no causal language model|lacks weights"),
        (lambda folder: damage_config(folder, model_type="vit"), "no causal language model"),
    ],
)
def test_damage_is_told_in_a_sentence(damage, message, export, tmp_path):
    folder = tmp_path / "model"
    network_of(export).save_pretrained(folder)
    damage(folder)
    with pytest.raises(VqaudioError, match=message):
        open_checkpoint(folder, language_of(ExportRecord.read(export)))


def test_a_model_of_another_export_is_refused(export, tmp_path):
    network_of(export, vocab_size=64).save_pretrained(tmp_path / "model")
    with pytest.raises(VqaudioError, match="has 64 ids"):
        open_checkpoint(tmp_path / "model", language_of(ExportRecord.read(export)))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--bpe", "4"), "--bpe"),
        (("--deduplicate",), "--deduplicate"),
        (("--interleave", "coarse-first"), "coarse-first"),
        (("--no-eos",), "--bos"),
    ],
)
def test_exports_that_cannot_be_sampled_code_by_code_are_refused(sample, store, tmp_path, capsys, flags, message):
    export = export_of(store, tmp_path / "lm", *flags)
    network_of(export).save_pretrained(tmp_path / "model")
    status, out = sample(tmp_path / "model", "--like", str(export))
    assert (status, out.exists()) == (1, False)
    told = capsys.readouterr().err
    assert message in told
    assert "vqaudio decode" in told
