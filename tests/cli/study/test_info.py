import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vqaudio.cli.main import main
from vqaudio.cli.study.info import MAX_FAILURES, MAX_SPEAKERS, _flat, _rates
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 4, 1_024)
CONFIG = {
    "name": "small",
    "sample_rate_hz": 16_000,
    "encoder": {"widths": [8, 8], "strides": [8, 40]},
    "quantizer": {"kind": "ema", "num_codebooks": 8, "codebook_size": 1_024, "levels": [8, 8, 8, 5]},
}


@pytest.fixture
def store_dir(tmp_path) -> Path:
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        writer.append(TokenRow("a.wav", np.zeros((4, 50), int), 16_000, 44_100, 1.0))
        for number in range(12):
            writer.fail(f"{number:02d}.wav", "not audio")
    return tmp_path / "tokens"


@pytest.fixture
def codec_dir(tmp_path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    header = {"format_version": 1, "weights_sha256": "cd" * 32, "codec": CONFIG}
    (folder / "config.json").write_text(json.dumps(header))
    (folder / "model.safetensors").write_bytes(bytes(120_000))
    (folder / "README.md").write_text("# A small codec\n\nTrained on nothing.\n")
    return folder


def facts_of(what: Path, capsys, *options: str) -> dict:
    assert main(["info", str(what), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_store_tells_its_codec_counts_and_bitrate(store_dir, capsys):
    facts = facts_of(store_dir, capsys)
    assert facts["kind"] == "token store"
    assert facts["codec"]["weights_sha256"] == "ab" * 32
    assert facts["codec"]["kbit_per_second"] == pytest.approx(4 * 0.5)
    assert (facts["counts"]["rows"], facts["counts"]["codes"], facts["counts"]["failures"]) == (1, 200, 12)
    assert facts["failures"][11] == {"id": "11.wav", "reason": "not audio"}


def test_a_stores_table_names_the_first_failures_and_how_to_see_the_rest(store_dir, capsys):
    assert main(["info", str(store_dir)]) == 0
    shown = capsys.readouterr().out
    assert "09.wav: not audio" in shown
    assert "10.wav" not in shown
    assert "... and 2 more: --json" in shown


def test_verify_finds_a_changed_shard(store_dir, capsys):
    assert "verified" in facts_of(store_dir, capsys, "--verify")
    path = store_dir / "data" / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(bytes(content))
    assert main(["info", str(store_dir), "--verify"]) == 1
    assert "part-00000.parquet" in capsys.readouterr().err


def test_a_codec_tells_its_grid_bitrate_and_card(codec_dir, capsys):
    facts = facts_of(codec_dir, capsys)
    assert (facts["name"], facts["weights_sha256"], facts["megabytes"]) == ("small", "cd" * 32, 0.12)
    assert (facts["hop_samples"], facts["frame_rate_hz"], facts["num_codebooks"]) == (320, 50.0, 8)
    assert (facts["kbit_per_second_per_codebook"], facts["kbit_per_second"]) == (0.5, 4.0)
    assert main(["info", str(codec_dir)]) == 0
    assert capsys.readouterr().out.endswith("Trained on nothing.\n")


def test_the_codebook_size_of_finite_scalars_is_the_product_of_their_levels(codec_dir, capsys):
    header = {"format_version": 1, "weights_sha256": "cd" * 32, "codec": json.loads(json.dumps(CONFIG))}
    header["codec"]["quantizer"].update(kind="finite_scalar", num_codebooks=1)
    (codec_dir / "config.json").write_text(json.dumps(header))
    assert facts_of(codec_dir, capsys)["codebook_size"] == 2_560


def test_a_shipped_codec_is_found_by_its_name(codec_dir, capsys, monkeypatch):
    monkeypatch.setattr("vqaudio.codec.locate.MODELS", codec_dir.parent)
    assert facts_of(Path("small"), capsys)["name"] == "small"


@pytest.mark.parametrize("text", ["", "{}", '{"codec": {"quantizer": 3}}'])
def test_a_config_that_is_no_codecs_is_refused_in_words(codec_dir, capsys, text):
    (codec_dir / "config.json").write_text(text)
    assert main(["info", str(codec_dir)]) == 1
    assert "is not a vqaudio codec's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        ("encoder", "strides", [8, 0]),
        ("encoder", "strides", ["8", 40]),
        ("quantizer", "codebook_size", "1024"),
        ("quantizer", "codebook_size", 0),
        ("quantizer", "num_codebooks", 0.5),
    ],
)
def test_a_config_with_rates_that_are_none_is_refused_with_its_name(codec_dir, capsys, section, setting, value):
    damaged = CONFIG | {section: CONFIG[section] | {setting: value}}
    header = {"format_version": 1, "weights_sha256": "cd" * 32, "codec": damaged}
    (codec_dir / "config.json").write_text(json.dumps(header))
    assert main(["info", str(codec_dir)]) == 1
    assert "config.json is" in capsys.readouterr().err


def test_what_is_neither_is_told_what_was_looked_for(tmp_path, capsys):
    assert main(["info", str(tmp_path / "nothing")]) == 1
    assert "neither a token store" in capsys.readouterr().err


def test_verifying_a_codec_is_refused(codec_dir, capsys):
    assert main(["info", str(codec_dir), "--verify"]) == 1
    assert "is a codec" in capsys.readouterr().err


def test_info_loads_no_torch(store_dir, codec_dir):
    code = (
        "import sys; from vqaudio.cli.main import main; "
        "sys.exit(any(main(['info', what]) for what in sys.argv[1:]) or 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store_dir), str(codec_dir)], capture_output=True, check=False
    )
    assert done.returncode == 0


def test_usage_tells_a_codebook_used_evenly_from_a_silent_one(tmp_path, capsys):
    codes = np.stack([np.arange(1_024), np.zeros(1_024, int), np.arange(1_024) % 2, np.arange(1_024) % 512])
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        writer.append(TokenRow("a.wav", codes, 1_024 * 320, 16_000, 1_024 * 0.02))
    facts = facts_of(tmp_path / "tokens", capsys, "--usage")["usage"]
    assert facts["frames"] == 1_024
    assert facts["used_share"] == [1.0, round(1 / 1_024, 4), round(2 / 1_024, 4), 0.5]
    assert facts["perplexity"] == [1_024.0, 1.0, 2.0, 512.0]
    assert facts["entropy_kbit_per_second"] == pytest.approx((10 + 0 + 1 + 9) * 50 / 1_000)


@pytest.mark.parametrize(("num", "num_lines"), [(0, 0), (1, 1), (MAX_FAILURES, MAX_FAILURES), (99, MAX_FAILURES + 1)])
def test_so_many_failures_have_a_line_and_the_others_one_between_them(num: int, num_lines: int) -> None:
    lines = list(_flat({"failures": [{"id": f"u{index}", "reason": "torn"} for index in range(num)]}))
    assert len(lines) == num_lines
    assert lines[:1] == [("failed", "u0: torn")][:num]
    if num > MAX_FAILURES:
        assert lines[-1] == ("failed", f"... and {num - MAX_FAILURES} more: --json lists them all")
    assert list(_flat({"failures": [{"id": "a"}]})) == [("failed", "a: ")]


@pytest.mark.parametrize("num", [1, MAX_SPEAKERS, MAX_SPEAKERS + 1])
def test_so_many_speakers_are_named_and_the_others_counted(num: int) -> None:
    ((name, line),) = _flat({"speakers": [f"s{index}" for index in range(num)]})
    assert name == "speakers"
    assert line.startswith(f"{num}, known by name: s0")
    assert (f"s{MAX_SPEAKERS - 1}" in line) == (num >= MAX_SPEAKERS)
    assert f"s{MAX_SPEAKERS}" not in line
    assert line.endswith("(--json lists them all)") == (num > MAX_SPEAKERS)


def test_facts_within_facts_are_named_after_both() -> None:
    facts = {"codec": {"name": "a", "rates": {"hz": 50}}, "shards": 2}
    assert list(_flat(facts)) == [("codec.name", "a"), ("codec.rates.hz", 50), ("shards", 2)]


def test_the_bitrate_is_that_of_all_codebooks() -> None:
    rates = _rates(50.0, 4, 1024)
    assert rates == {"frame_rate_hz": 50.0, "kbit_per_second_per_codebook": 0.5, "kbit_per_second": 2.0}
