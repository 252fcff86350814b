"""What stands in the files, letter by letter: other programs read them by these rules."""

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.export.check import check_export
from vqaudio.export.formats import webdataset
from vqaudio.export.formats.text import safe_name
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.schema import TokenRow


@pytest.fixture
def two(make_store):
    """Two short rows of three codebooks."""
    codes = np.array([[1, 1, 2], [0, 0, 7], [4, 4, 4]], dtype=np.uint16)
    return make_store(
        [
            TokenRow("a dir/x.wav", codes, 960, 16_000, 0.06, "ada", "hi"),
            TokenRow("y.wav", codes[:, :1], 320, 16_000, 0.02),
        ]
    )


@pytest.fixture
def written(two, tmp_path):
    """Exports `two` with the first codebook unless told otherwise; gives the folder."""

    def write(name: str, style: str = "", **chosen) -> Path:
        out = tmp_path / f"{name}-{style}"
        export_store(two, out, ExportOptions(name, style, **{"num_codebooks": 1, "validation": 0, **chosen}))
        return out

    return write


def test_gslm_lines_have_stems_that_are_names_of_files(written, make_store, tmp_path):
    assert (written("text", "gslm") / "train.txt").read_text() == "a%20dir%2Fx|1 1 2\ny|1\n"
    codes = np.array([[1]] * 3, dtype=np.uint16)
    store = make_store([TokenRow(name, codes, 320, 16_000, 0.02) for name in ("x.wav", "x.flac")])
    with pytest.raises(VqaudioError, match=r"x\.wav and x\.flac would both be x"):
        export_store(store, tmp_path / "out", ExportOptions("text", "gslm"))
    assert not (tmp_path / "out").exists()


def test_fairseq_files(written):
    out = written("text", "fairseq", root="/corpus")
    assert (out / "train.tsv").read_text() == "/corpus\na dir/x.wav\t960\ny.wav\t320\n"
    assert (out / "train.km").read_text() == "1 1 2\n1\n"
    assert (out / "valid.tsv").read_text() == "/corpus\n"
    dictionary = (out / "dict.km.txt").read_text().splitlines()
    assert dictionary[:2] == ["0 1", "1 1"]
    assert len(dictionary) == 64


def test_fairseq_finds_files_from_the_current_folder_where_no_root_is_given(written):
    assert (written("text", "fairseq") / "train.tsv").read_text().splitlines()[0] == str(Path.cwd())


def test_kaldi_files(written):
    out = written("text", "kaldi")
    assert (out / "train" / "text").read_text() == "ada!a%20dir/x.wav 1 1 2\ny.wav 1\n"
    assert (out / "train" / "utt2spk").read_text() == "ada!a%20dir/x.wav ada\ny.wav y.wav\n"
    assert (out / "train" / "spk2utt").read_text() == "ada ada!a%20dir/x.wav\ny.wav y.wav\n"
    assert sorted(path.name for path in (out / "train").iterdir()) == ["spk2utt", "text", "utt2spk"]


def test_kaldi_reads_the_recordings_below_a_root(written, two, tmp_path):
    root = tmp_path / "audio"
    (root / "a dir").mkdir(parents=True)
    for name in ("a dir/x.wav", "y.wav"):
        (root / name).write_bytes(b"the sound of " + name.encode())
    out = written("text", "kaldi", root=str(root))
    first, second = (out / "train" / "wav.scp").read_text().splitlines()
    assert second == f"y.wav {root}/y.wav"
    name, command = first.split(" ", 1)
    assert (name, command[-2:]) == ("ada!a%20dir/x.wav", " |")
    assert subprocess.run(command[:-2], shell=True, capture_output=True).stdout == b"the sound of a dir/x.wav"
    assert check_export(out, two).num_documents == 2
    (root / "y.wav").unlink()
    with pytest.raises(VqaudioError, match=r"y\.wav is no file"):
        export_store(two, tmp_path / "gone", ExportOptions("text", "kaldi", num_codebooks=1, root=str(root)))


@given(
    speakers=st.lists(st.text("ab-_!.%{ é|~", min_size=1, max_size=3) | st.none(), min_size=1, max_size=8),
    names=st.lists(st.text("ab-!/ é~", min_size=1, max_size=3), min_size=8, max_size=8, unique=True),
)
@example(speakers=["a", "a b", "a!", None], names=["x", "y", "z", "a"])  # a space is written as %20, before - and .
@settings(max_examples=25)
def test_kaldis_validation_finds_names_and_speakers_sorted(speakers, names, make_store, tmp_path_factory):
    """As utils/validate_data_dir.sh: utt2spk sorted as it is and by its second field, and spk2utt its inverse."""
    codes, folder = np.array([[1]] * 3, dtype=np.uint16), tmp_path_factory.mktemp("kaldi")
    rows = [TokenRow(n, codes, 320, 16_000, 0.02, s) for n, s in zip(names, speakers, strict=False)]
    export_store(make_store(rows), folder / "out", ExportOptions("text", "kaldi", num_codebooks=1, validation=0))
    data, environment = folder / "out" / "train", {**os.environ, "LC_ALL": "C"}
    utt2spk = (data / "utt2spk").read_bytes()
    for command in (["sort"], ["sort", "-k2"]):
        done = subprocess.run([*command, str(data / "utt2spk")], env=environment, capture_output=True, check=True)
        assert done.stdout == utt2spk
    pairs = [
        (words[0], word)
        for words in map(bytes.split, (data / "spk2utt").read_bytes().splitlines())
        for word in words[1:]
    ]
    assert b"".join(b"%s %s\n" % (name, speaker) for speaker, name in pairs) == utt2spk
    speakers_listed = [line.split()[0] for line in (data / "spk2utt").read_bytes().splitlines()]
    assert speakers_listed == sorted(set(speakers_listed))
    texts = (data / "text").read_bytes().splitlines()
    assert [line.split()[0] for line in texts] == [name for _, name in pairs]


def test_kaldi_finds_its_files_sorted_whatever_the_order_of_the_store(make_store, tmp_path):
    codes = np.array([[1, 1, 2]] * 3, dtype=np.uint16)
    names = ["b.wav", "a.wav", "B.wav", "ä.wav", "a"]
    store = make_store([TokenRow(name, codes + place, 960, 16_000, 0.06) for place, name in enumerate(names)])
    export_store(store, tmp_path / "out", ExportOptions("text", "kaldi", num_codebooks=1, validation=0))
    wanted = ["B.wav", "a", "a.wav", "b.wav", "ä.wav"]
    for name in ("text", "utt2spk"):
        lines = (tmp_path / "out" / "train" / name).read_text().splitlines()
        assert [line.split()[0] for line in lines] == wanted
    assert check_export(tmp_path / "out", store).num_documents == 5
    with open(tmp_path / "out" / "train" / "text", "a") as file:
        file.write("ö.wav 1\n")
    with pytest.raises(VqaudioError, match="lines of other names"):
        check_export(tmp_path / "out", store)


@pytest.mark.parametrize("name", ["a b|c%d\te\n.wav", "%20", "Größe/猫\u2028.wav"])
def test_names_are_one_word_and_give_back_the_id(name):
    assert len(safe_name(name).split()) == 1
    assert "|" not in safe_name(name)
    assert unquote(safe_name(name)) == name


@pytest.mark.parametrize(
    ("style", "key", "value"),
    [
        ("lists", "input_ids", [1, 1, 2]),
        ("tokens", "text", "<|s_1|><|s_1|><|s_2|>"),
        ("speechgpt", "units", "<sosp><1><1><2><eosp>"),
    ],
)
def test_json_lines(written, style, key, value):
    first = json.loads((written("jsonl", style) / "train.jsonl").read_text().splitlines()[0])
    assert first == {"id": "a dir/x.wav", "speaker": "ada", "seconds": 0.06, key: value}


def test_durations_stand_beside_merged_frames(written):
    first = json.loads((written("jsonl", "lists", is_deduplicated=True) / "train.jsonl").read_text().splitlines()[0])
    assert (first["input_ids"], first["durations"]) == ([1, 2], [2, 1])


def test_delayed_streams_fold_into_steps_of_all_codebooks(written):
    out = written("jsonl", "lists", num_codebooks=3, pattern="delayed")
    first = json.loads((out / "train.jsonl").read_text().splitlines()[0])["input_ids"]
    pad = 24
    assert np.reshape(first, (-1, 3)).tolist() == [
        [1, pad, pad],
        [1, 8, pad],
        [2, 8, 20],
        [pad, 15, 20],
        [pad, pad, 20],
    ]


def test_a_grid_has_a_row_for_each_codebook_and_its_own_number_for_padding(written):
    pad = 8
    wanted = [[1, 1, 2, pad, pad], [pad, 0, 0, 7, pad], [pad, pad, 4, 4, 4]]
    chosen = {"num_codebooks": 3, "pattern": "delayed", "is_grid": True}
    out = written("jsonl", "lists", **chosen)
    first = json.loads((out / "train.jsonl").read_text().splitlines()[0])
    assert first == {"id": "a dir/x.wav", "speaker": "ada", "seconds": 0.06, "codes": wanted}
    with tarfile.open(written("webdataset", **chosen) / "train-000000.tar") as archive:
        codes = archive.extractfile("000000000.codes.npy")
        assert codes is not None
        assert np.load(io.BytesIO(codes.read())).tolist() == wanted
    record = json.loads((out / "export.json").read_text())
    assert (record["options"]["is_grid"], record["vocabulary"]["num_codes"]) == (True, 8)


def test_a_code_of_a_grid_that_changed_is_found(written, two):
    path = written("jsonl", "lists", num_codebooks=3, is_grid=True) / "train.jsonl"
    check_export(path.parent, two)
    path.write_text(path.read_text().replace("[[1,", "[[2,", 1))
    with pytest.raises(VqaudioError, match="not those of the store"):
        check_export(path.parent, two)
    path.write_text(path.read_text().replace('"codes": [', '"codes": [[], ', 1))
    with pytest.raises(VqaudioError, match="line 1"):
        check_export(path.parent, two)


def test_joined_documents_fill_their_sequences(written):
    lines = (written("jsonl", "lists", context_tokens=3, has_eos=True) / "train.jsonl").read_text().splitlines()
    eos = 8 + 1
    assert [json.loads(line) for line in lines] == [
        {"id": "train-000000000", "input_ids": [1, 1, 2]},
        {"id": "train-000000001", "input_ids": [eos, 1, eos]},
    ]
    lines = (written("jsonl", "tokens", context_tokens=4) / "train.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["text"] == "<|s_1|><|s_1|><|s_2|><|s_1|>"


def test_web_archives_hold_an_array_and_what_is_known_under_one_key(written):
    with tarfile.open(written("webdataset") / "train-000000.tar") as archive:
        names = archive.getnames()
        about = archive.extractfile("000000000.json")
        codes = archive.extractfile("000000000.codes.npy")
        assert about is not None
        assert codes is not None
        assert json.load(about)["id"] == "a dir/x.wav"
        assert np.load(io.BytesIO(codes.read())).tolist() == [1, 1, 2]
    assert names == ["000000000.codes.npy", "000000000.json", "000000001.codes.npy", "000000001.json"]


def test_a_full_archive_is_followed_by_another(written, monkeypatch):
    monkeypatch.setattr(webdataset, "MAX_SHARD_BYTES", 1)
    out = written("webdataset")
    assert [path.name for path in sorted(out.glob("train-*"))] == ["train-000000.tar", "train-000001.tar"]
    with tarfile.open(out / "train-000001.tar") as archive:
        assert archive.getnames() == ["000000001.codes.npy", "000000001.json"]
