"""`vqaudio compare` from outside: codecs of ours and of transformers in one table."""

import json

import pytest
import torch

from vqaudio.cli.main import main
from vqaudio.codec.locate import MODELS


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """The name of a small DAC with random weights."""
    transformers = pytest.importorskip("transformers", reason="pip install 'vqaudio[hf]'")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "dac"
    shape = {"encoder_hidden_size": 8, "decoder_hidden_size": 32, "n_codebooks": 3, "codebook_dim": 4}
    transformers.DacModel(transformers.DacConfig(**shape, codebook_size=32)).save_pretrained(path)
    return f"hf:{path}"


def test_codecs_and_peers_stand_side_by_side(samples_dir, foreign, tmp_path, capsys):
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{path.relative_to(samples_dir)}\n" for path in sorted(samples_dir.rglob("*.flac"))[:2]))
    pytest.importorskip("pystoi")
    words = ["--audio", str(samples_dir), "--list", str(listed), "--metrics", "stoi", "--timed", "2", "--workers", "0"]
    phones = ["--alignments", str(samples_dir), "--labels", "plain", "--json", str(tmp_path / "found.json")]
    assert main(["compare", "units-16k", foreign, "--peers", "speech-16k", *words, *phones]) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    facts = {codec["name"]: codec for codec in found["codecs"]}
    assert list(facts) == ["units-16k", "hf:dac", "speech-16k@5"]
    assert [codec["length_error"] for codec in found["codecs"]] == [0, facts["hf:dac"]["length_error"], 0]
    assert facts["hf:dac"]["length_error"] > 0
    assert facts["units-16k"]["kbps"] == pytest.approx(0.45)
    assert all(codec["batch_changes"] == 0 for name, codec in facts.items() if name != "hf:dac")
    assert all(codec["start_bytes"] > 1e8 and codec["encode_speed"] > 0 for codec in found["codecs"])
    scores = {row["coder"]: row["scores"]["stoi"]["mean"] for row in found["evaluation"]["rows"]}
    assert scores.keys() == {"units-16k", "hf:dac"}  # of a peer only the facts
    assert scores["units-16k"] > scores["hf:dac"]
    assert found["probes"].keys() == {"units-16k", "hf:dac"}
    assert "PNMI" in printed
    assert "exact" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["units-16k", "--timed", "0"], "--timed must be 1 or more"),
        (["units-16k", "--peers", str(MODELS / "units-16k")], "have one name"),
        (["no-such"], "no codec called 'no-such'"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(words, sentence, samples_dir, capsys):
    assert main(["compare", *words, "--audio", str(samples_dir), "--metrics", "none"]) == 1
    assert sentence in capsys.readouterr().err
