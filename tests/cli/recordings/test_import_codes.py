"""`vqaudio import` from outside: codes of other programs become a store, the same from every format."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.stamps import open_stamped
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

NUM_CODES = 50


def sequences(num_codebooks: int = 1) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(num_codebooks)
    return {
        f"s{n % 2}/u {n}": np.repeat(generator.integers(0, NUM_CODES, (num_codebooks, 4 + n)), 3, axis=1).astype(
            np.uint16
        )
        for n in range(6)
    }


def run(source: object, out: Path, *flags: str, size: int = NUM_CODES) -> int:
    known = ["--rate", "16000", "--hop", "320", "--codebook-size", str(size), "--name", "elsewhere", "--quiet"]
    return main(["import", str(source), "--out", str(out), *known, *flags])


def codes_in(out: Path) -> dict[str, list[list[int]]]:
    return {row.id: row.codes.tolist() for row in TokenStore.open(out)}


def wanted(num_codebooks: int = 1, suffix: str = "") -> dict[str, list[list[int]]]:
    return {name + suffix: codes.tolist() for name, codes in sequences(num_codebooks).items()}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store as `vqaudio tokenize` leaves it, with one codebook."""
    stamp = CodecStamp("theirs", "ab" * 32, 16_000, 320, 1, NUM_CODES)
    with TokenWriter(tmp_path / "store", stamp) as writer:
        for n, (name, codes) in enumerate(sequences().items()):
            num_samples = codes.shape[1] * 320 - n
            writer.append(TokenRow(f"{name}.wav", codes, num_samples, 16_000, num_samples / 16_000, f"s{n % 2}"))
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("format_", "file", "suffix"),
    [
        ("fairseq", "train.km", ".wav"), ("gslm", "train.txt", ""), ("kaldi", "train/text", ".wav"),
        ("jsonl", "train.jsonl", ".wav"), ("speechgpt", "train.jsonl", ".wav"),
    ],
)  # fmt: skip
def test_what_was_exported_comes_back(store: Path, tmp_path: Path, format_: str, file: str, suffix: str) -> None:
    assert main(["export", str(store), "--format", format_, "--out", str(tmp_path / "lm")]) == 0
    assert run(tmp_path / "lm" / file, tmp_path / "back") == 0
    assert codes_in(tmp_path / "back") == wanted(suffix=suffix)
    if format_ == "fairseq":
        lengths = {row.id: row.num_samples for row in TokenStore.open(store)}
        assert {row.id: row.num_samples for row in TokenStore.open(tmp_path / "back")} == lengths
    if format_ == "kaldi":
        assert {row.id: row.speaker for row in TokenStore.open(tmp_path / "back")}["s1/u 3.wav"] == "s1"


def write_npy(folder: Path, num_codebooks: int, turned: bool = False) -> Path:
    for name, codes in sequences(num_codebooks).items():
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, codes.T if turned else codes[0] if num_codebooks == 1 else codes)
    return folder


def write_objects(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lhotse_cuts(folder: Path, num_codebooks: int = 1) -> Path:
    """Cuts whose arrays have frames in the first axis, with one codebook no other."""
    rows = []
    for name, codes in sequences(num_codebooks).items():
        path = folder / "arrays" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, codes[0] if num_codebooks == 1 else codes.T)
        array = {"storage_type": "numpy_files", "storage_path": "arrays", "storage_key": f"{name}.npy"}
        times = {"temporal_dim": 0, "frame_shift": 0.02, "start": 1.5}
        seconds = codes.shape[1] * 0.02
        rows.append({"id": name, "start": 1.5, "duration": seconds, "supervisions": [{"speaker": "x"}],
                     "custom": {"codes": {"array": array, **times}, "note": 3}})  # fmt: skip
    return write_objects(folder / "cuts.jsonl", rows)


def test_every_format_gives_the_same_store(tmp_path: Path) -> None:
    plain = {name: codes[0].tolist() for name, codes in sequences().items()}
    (tmp_path / "gslm.txt").write_text(
        "".join(f"{ {'audio': name, 'hubert': ' '.join(map(str, c)), 'duration': 0.4} }\n" for name, c in plain.items())
    )
    pq.write_table(
        pa.table({"file": list(plain), "tokens": list(plain.values()), "wav": [{"bytes": b"x"}] * len(plain)}),
        tmp_path / "x.parquet",
    )
    sources = {
        "npy": write_npy(tmp_path / "npy", 1),
        "gslm": tmp_path / "gslm.txt",
        "lists": write_objects(tmp_path / "a.jsonl", [{"id": n, "codes": [c]} for n, c in plain.items()]),
        "text": write_objects(tmp_path / "b.jsonl", [{"audio": n, "units": str(c)[1:-1]} for n, c in plain.items()]),
        "parquet": tmp_path / "x.parquet",
        "lhotse": lhotse_cuts(tmp_path),
    }  # fmt: skip
    stamps = set()
    for name, source in sources.items():
        assert run(source, tmp_path / "out" / name) == 0
        assert codes_in(tmp_path / "out" / name) == wanted()
        stamps.add(TokenStore.open(tmp_path / "out" / name).stamp)
    assert len(stamps) == 1
    (stamp,) = stamps
    assert stamp.name == "imported:elsewhere"
    assert stamp.weights_sha256.startswith("imported:")
    with pytest.raises(VqaudioError, match="imported:elsewhere"):
        open_stamped(stamp)


def test_codebooks_stand_first_or_last(tmp_path: Path) -> None:
    assert run(write_npy(tmp_path / "kt", 3), tmp_path / "a") == 0
    assert run(write_npy(tmp_path / "tk", 3, turned=True), tmp_path / "b", "--axes", "tk") == 0
    assert run(lhotse_cuts(tmp_path, 3), tmp_path / "c") == 0
    assert codes_in(tmp_path / "a") == codes_in(tmp_path / "b") == codes_in(tmp_path / "c") == wanted(3)


def test_the_stamp_is_that_of_the_rows_in_whatever_order(tmp_path: Path) -> None:
    rows = [{"id": name, "codes": codes[0].tolist()} for name, codes in sequences().items()]
    changed = [{**rows[0], "codes": [*rows[0]["codes"][:-1], (rows[0]["codes"][-1] + 1) % NUM_CODES]}, *rows[1:]]
    hashes = []
    for number, version in enumerate((rows, rows[::-1], changed, rows[1:])):
        out = tmp_path / f"out{number}"
        assert run(write_objects(tmp_path / f"{number}.jsonl", version), out) == 0
        hashes.append(TokenStore.open(out).stamp.weights_sha256)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_merged_units_need_their_durations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": name, "units": codes[0, ::3].tolist(), "frames": [3] * (codes.shape[1] // 3)}
            for name, codes in sequences().items()]  # fmt: skip
    source = write_objects(tmp_path / "x.jsonl", rows)
    assert run(source, tmp_path / "no", "--is-merged") == 1
    assert "have no place in time" in capsys.readouterr().err
    assert run(source, tmp_path / "out", "--is-merged", "--durations-key", "frames") == 0
    assert codes_in(tmp_path / "out") == wanted()
    rows[0]["frames"] = [3]
    assert run(write_objects(tmp_path / "y.jsonl", rows), tmp_path / "z", "--durations-key", "frames") == 2


def test_lengths_and_names_are_those_of_the_recordings(tmp_path: Path) -> None:
    for n, (name, codes) in enumerate(sequences().items()):
        path = tmp_path / "audio" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(codes.shape[1] * 640 + 5 * n), 32_000)
    assert run(write_npy(tmp_path / "npy", 1), tmp_path / "out", "--audio", str(tmp_path / "audio")) == 0
    store = TokenStore.open(tmp_path / "out")
    assert len(store) == len(sequences())
    for n, (name, codes) in enumerate(sequences().items()):
        row = store.row(f"{name}.flac")
        assert row.num_samples == codes.shape[1] * 320  # a frame fewer than the recordings have, where n is above 0
        assert abs(row.seconds - (codes.shape[1] * 640 + 5 * n) / 32_000) < 1e-4


BROKEN = [
    ({"id": "a", "codes": [1, 2, 50]}, "has the code 50, wanted 0 to 49"),
    ({"id": "b", "codes": [1, -2]}, "has the code -2"),
    ({"id": "c", "codes": [1.5, 2.0]}, "of the type float64"),
    ({"id": "d", "codes": [[1, 2], [3]]}, "codebooks of different lengths: 2, 1"),
    ({"id": "e", "codes": [[1, 2], [3, 4]]}, "has 2 codebooks, the first row has 1"),
    ({"id": "f", "codes": []}, "wanted frames"),
    ({"id": "g", "codes": "1 two"}, "no whole numbers"),
    ({"id": "h", "codes": "<1>x<2>"}, "has the text 'x'"),
    ({"id": "i", "units": None}, "has no codes"),
    ({"id": "j"}, "has no codes or units"),
    ({"id": "good", "codes": [4]}, "has the id 'good', which line 1"),
    ({"id": "k", "codes": [1, 2], "num_samples": 320_000}, "would have 1000"),
    ({"id": "l", "codes": [1, 2], "durations": [1, 0]}, "wanted 1 or more"),
    ({"id": "..", "codes": [1]}, "names nothing"),
    (["no object"], "is no JSON object"),
]


def test_broken_rows_are_counted_and_named_and_stop_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "good", "codes": [1, 2, 3]}, *(row for row, _ in BROKEN), {"id": "last", "codes": [49]}]
    source = write_objects(tmp_path / "x.jsonl", rows)
    arguments = ["--rate", "16000", "--hop", "320", "--codebook-size", "50", "--name", "x"]
    assert main(["import", str(source), "--out", str(tmp_path / "out"), *arguments]) == 2
    told = capsys.readouterr().err
    for line, (_, sentence) in enumerate(BROKEN, 2):
        assert any(f"line {line} of {source}" in text and sentence in text for text in told.splitlines()), sentence
    assert codes_in(tmp_path / "out") == {"good": [[1, 2, 3]], "last": [[49]]}
    assert len(TokenStore.open(tmp_path / "out").failures()) == len(BROKEN)
    assert run(source, tmp_path / "out", "--overwrite", "--max-failures", "99") == 0
    (tmp_path / "none.jsonl").write_text(json.dumps(BROKEN[0][0]) + "\n")
    assert run(tmp_path / "none.jsonl", tmp_path / "no") == 1
    assert not (tmp_path / "no").exists()


def test_what_lhotse_stores_otherwise_is_named(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in lhotse_cuts(tmp_path).read_text().splitlines()]
    rows[0]["custom"]["codes"]["array"]["storage_type"] = "lilcom_hdf5"
    rows[1]["custom"]["codes"]["frame_shift"] = 0.04
    rows[2]["start"] = 2.0
    rows[3]["custom"]["codes"]["array"]["storage_key"] = "gone.npy"
    rows[4]["custom"] = {}
    assert run(write_objects(tmp_path / "cuts.jsonl", rows), tmp_path / "out", "--format", "lhotse") == 2
    reasons = " ".join(record["reason"] for record in TokenStore.open(tmp_path / "out").failures())
    for part in ("'lilcom_hdf5'", "a frame every 0.04 s", "begins at 2.0 s", "No such file", "no temporal array"):
        assert part in reasons
    assert len(codes_in(tmp_path / "out")) == 1


def test_a_store_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_npy(tmp_path / "npy", 1), tmp_path / "out"
    assert run(source, out) == 0
    assert run(source, out) == 1
    assert "--overwrite" in capsys.readouterr().err
    monkeypatch.setattr("vqaudio.tokens.writer.ROWS_PER_SHARD", 1)
    real = TokenWriter.append

    def append(self: TokenWriter, row: TokenRow) -> None:
        real(self, row)
        if row.id == "s1/u 3":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TokenWriter, "append", append)
        for place, flags in ((tmp_path / "new", ()), (out, ("--overwrite",))):
            assert run(source, place, *flags) == 130
    assert not (tmp_path / "new").exists()
    assert codes_in(out) == wanted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["npy", "out"]
    assert run(write_npy(tmp_path / "npy2", 3), out, "--overwrite") == 0
    assert codes_in(out) == wanted(3)
    assert run(source, tmp_path / "npy") == 1
    assert "holds no token store" in capsys.readouterr().err


def test_an_imported_store_is_probed_exported_and_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(write_npy(tmp_path / "npy", 1), tmp_path / "out") == 0
    assert main(["info", str(tmp_path / "out"), "--usage", "--verify"]) == 0
    assert "imported:elsewhere" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "out"), "--format", "gslm", "--out", str(tmp_path / "lm"), "--check"]) == 0
    (tmp_path / "grids").mkdir()
    for name, codes in sequences().items():
        path = tmp_path / "grids" / f"{name}.lab"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"0 {codes.shape[1] * 100_000} AA\n{codes.shape[1] * 100_000} {codes.shape[1] * 200_000} S\n")
    labels = ["--alignments", str(tmp_path / "grids"), "--labels", "plain", "--accept-few-frames", "--with", "none"]
    assert main(["probe", str(tmp_path / "out"), *labels]) == 0
    assert main(["decode", str(tmp_path / "out"), "--out", str(tmp_path / "sound")]) == 1
    assert "imported:elsewhere" in capsys.readouterr().err


def test_a_manifest_of_another_length_and_unknown_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.km").write_text("1 2\n3 4\n")
    assert run(tmp_path / "x.km", tmp_path / "out") == 1
    (tmp_path / "x.tsv").write_text("/data\na.wav\t640\n")
    assert run(tmp_path / "x.km", tmp_path / "out") == 1
    (tmp_path / "y.txt").write_text("what is this\n")
    assert run(tmp_path / "y.txt", tmp_path / "out") == 1
    assert run(tmp_path / "gone", tmp_path / "out") == 1
    told = capsys.readouterr().err
    for part in ("has no x.tsv beside it", "ends before line 2", "name one with --format", "does not exist"):
        assert part in told


def test_kaldi_names_may_end_at_a_tab(tmp_path: Path) -> None:
    (tmp_path / "units").write_text("u1\t17 17 3\nu2 4\n")
    assert run(tmp_path / "units", tmp_path / "out") == 0
    assert codes_in(tmp_path / "out") == {"u1": [[17, 17, 3]], "u2": [[4]]}


@pytest.mark.parametrize(
    "row",
    [
        {"units": f"<sosp><{'1' * 5000}><eosp>"},
        {"units": [1, 2, 3, 4], "durations": [2**62] * 4},
        {"units": [1], "durations": [2**31 - 1]},
    ],
)
def test_a_row_of_absurd_numbers_stops_nothing(tmp_path: Path, row: dict) -> None:
    path = write_objects(tmp_path / "units.jsonl", [{"id": "a", **row}, {"id": "b", "units": [3]}])
    assert run(path, tmp_path / "out", "--max-failures", "1") == 0
    assert codes_in(tmp_path / "out") == {"b": [[3]]}


def test_a_damaged_array_stops_nothing(tmp_path: Path) -> None:
    folder = write_npy(tmp_path / "npy", 1)
    (folder / "bad.npy").write_bytes(b"PK\x03\x04 no archive")
    assert run(folder, tmp_path / "out", "--max-failures", "1") == 0
    assert codes_in(tmp_path / "out").keys() == wanted().keys()
