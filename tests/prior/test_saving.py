import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vqaudio.core.durable import sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.prior import saving
from vqaudio.prior.saving import open_prior, save_prior

TOKENS = torch.tensor([[8, 1, 2, 3, 4]])


def test_a_prior_comes_back_as_it_was_saved(prior, tmp_path):
    save_prior(prior, tmp_path, facts={"step": 3})
    opened = open_prior(tmp_path)
    assert opened.language == prior.language
    assert opened.config == prior.config
    assert not opened.training
    torch.testing.assert_close(opened(TOKENS), prior(TOKENS), rtol=0, atol=0)
    assert not any(value.requires_grad for value in opened.parameters())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["vqaudio"]["facts"], config["dtype"]) == ({"step": 3}, "float32")


def test_speakers_and_pattern_come_back_too(make_prior, languages, tmp_path):
    save_prior(make_prior(languages["flattened"]), tmp_path, is_half=True)
    assert open_prior(tmp_path).language == languages["flattened"]
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "float16"


def test_a_codec_that_ships_with_a_prior_is_found_by_its_name(prior, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "MODELS", tmp_path)
    save_prior(prior, tmp_path / "units" / "prior")
    assert saving.find_prior("units") == tmp_path / "units" / "prior"
    with pytest.raises(VqaudioError, match=r"no prior called 'speech'.*\(units\)"):
        saving.find_prior("speech")


def test_weights_that_are_gone_or_of_another_network_are_refused(prior, tmp_path):
    save_prior(prior, tmp_path)
    weights, config = tmp_path / "model.safetensors", json.loads((tmp_path / "config.json").read_text())
    tensors = load_file(weights)
    tensors.popitem()
    save_file(tensors, weights)
    config["vqaudio"]["file_sha256"] = sha256_of(weights)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(VqaudioError, match="not the file"):
        open_prior(tmp_path)
    weights.unlink()
    with pytest.raises(VqaudioError, match="cannot be read"):
        open_prior(tmp_path)


def test_a_device_that_is_not_there_is_refused(prior, tmp_path):
    save_prior(prior, tmp_path)
    with pytest.raises(VqaudioError, match="nowhere"):
        open_prior(tmp_path, "nowhere")


def test_transformers_opens_the_folder_as_a_llama(prior, tmp_path):
    from transformers import LlamaForCausalLM

    save_prior(prior, tmp_path)
    llama = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    logits = llama(TOKENS).logits[..., torch.from_numpy(prior.language.predicted)]
    torch.testing.assert_close(logits, prior(TOKENS), rtol=1e-5, atol=1e-5)


def test_half_of_the_bytes_give_nearly_the_same_prior(prior, tmp_path):
    save_prior(prior, tmp_path / "whole")
    save_prior(prior, tmp_path / "half", is_half=True)
    sizes = [(tmp_path / kind / "model.safetensors").stat().st_size for kind in ("whole", "half")]
    assert sizes[1] < 0.65 * sizes[0]
    torch.testing.assert_close(open_prior(tmp_path / "half")(TOKENS), prior(TOKENS), rtol=0.02, atol=0.02)


def test_opening_a_prior_leaves_the_random_numbers_alone(prior, tmp_path):
    save_prior(prior, tmp_path)
    state = torch.get_rng_state()
    open_prior(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


def test_damaged_weights_a_later_format_and_other_folders_are_refused(prior, tmp_path):
    with pytest.raises(VqaudioError, match="no prior called"):
        open_prior(tmp_path / "nowhere")
    save_prior(prior, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(VqaudioError, match="not the file"):
        open_prior(tmp_path)
    config["vqaudio"]["format_version"] = 99
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(VqaudioError, match="upgrade"):
        open_prior(tmp_path)
    config["vqaudio"]["format_version"] = None
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(VqaudioError, match="format_version is None; wanted a number"):
        open_prior(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(VqaudioError, match="not a vqaudio prior"):
        open_prior(tmp_path)


def test_a_llama_with_other_tokens_predicts_the_symbols_in_their_order(prior):
    assert prior.language.predicted.tolist() == [*range(8), prior.language.eos]
    assert prior(TOKENS).shape[-1] == prior.language.num_symbols
    assert np.isfinite(prior(TOKENS).numpy()).all()
