"""Commands with a codec of transformers."""

from pathlib import Path

import pytest
import torch

from vqaudio.audio.files import audio_info, read_audio
from vqaudio.cli.main import main
from vqaudio.codec.foreign import open_foreign
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.store import TokenStore

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'vqaudio[hf]'")


@pytest.fixture(scope="module")
def codec_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "dac"
    shape = {"encoder_hidden_size": 8, "decoder_hidden_size": 32, "n_codebooks": 3, "codebook_dim": 4}
    transformers.DacModel(transformers.DacConfig(**shape, codebook_size=32)).save_pretrained(path)
    return f"hf:{path}"


def test_a_model_is_opened_without_progress_bars_and_later_ones_have_theirs(codec_name: str, capfd) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled

    def bars() -> tuple[bool, bool]:
        return transformers.utils.logging.is_progress_bar_enabled(), are_progress_bars_disabled()

    before = bars()
    try:
        transformers.utils.logging.enable_progress_bar()
        open_foreign(codec_name)
        assert capfd.readouterr().err == ""
        assert bars() == (True, False)
        with pytest.raises(VqaudioError, match="cannot be opened"):
            open_foreign("hf:nobody/nothing-at-all")
        assert bars() == (True, False)
        transformers.utils.logging.disable_progress_bar()
        open_foreign(codec_name)
        assert bars() == (False, True)
    finally:
        if before[0]:
            transformers.utils.logging.enable_progress_bar()


def test_tokenize_decode_and_export(codec_name: str, recordings: Path, tmp_path: Path, capsys) -> None:
    tokens, out = tmp_path / "tokens", tmp_path / "out"
    assert main(["tokenize", str(recordings), "--out", str(tokens), "--codec", codec_name, "--quiet"]) == 0
    codec, store = open_foreign(codec_name), TokenStore.open(tokens)
    assert store.stamp.weights_sha256 == codec.weights_sha256
    for row in store:
        samples = read_audio(recordings / row.id, codec.grid.sample_rate_hz)
        assert torch.equal(codec.encode(torch.from_numpy(samples)[None, None])[0], torch.from_numpy(row.codes).long())
    assert main(["decode", str(tokens), "--out", str(out), "--codec", codec_name, "--quiet"]) == 0
    lengths = sorted(audio_info(path).num_samples for path in out.rglob("*.wav"))
    assert lengths == sorted(row.num_samples for row in store)
    assert main(["decode", str(tokens), "--out", str(tmp_path / "no"), "--codec", codec_name, "--speaker", "0"]) == 1
    assert "no speaker conditioning" in capsys.readouterr().err
    assert main(["export", str(tokens), "--out", str(tmp_path / "lm"), "--format", "jsonl"]) == 0


def test_segments_of_a_model_that_shows_no_distances_are_refused(codec_name, recordings, tmp_path, capsys):
    command = ["tokenize", str(recordings), "--out", str(tmp_path / "tokens"), "--codec", codec_name]
    assert main([*command, "--codebooks", "1", "--segments"]) == 1
    assert "gives codes and no distances to them; segments need" in capsys.readouterr().err
    assert not (tmp_path / "tokens").exists()
