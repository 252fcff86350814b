import copy
import json
from dataclasses import fields, is_dataclass, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from vqaudio.codec.config import CodecConfig
from vqaudio.codec.fingerprint import config_fingerprint, fingerprint, shaping_state
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.kinds import CONFIGS


@pytest.mark.parametrize("is_half", [False, True])
def test_a_saved_codec_gives_the_codes_of_its_own_hash(codec, speech, tmp_path, is_half):
    sha256 = save_codec(codec, tmp_path / "codec", is_half=is_half)
    opened = open_codec(tmp_path / "codec")
    assert opened.weights_sha256 == sha256
    assert (sha256 == codec.weights_sha256) != is_half
    if not is_half:
        assert torch.equal(opened.encode(speech), codec.encode(speech))
        assert torch.equal(opened.decode(codec.encode(speech)), codec.decode(codec.encode(speech)))


def test_half_weights_take_half_the_space_and_keep_nearly_all_codes(codec, speech, tmp_path):
    save_codec(codec, tmp_path / "whole")
    save_codec(codec, tmp_path / "half", is_half=True)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.75 * sizes[1]
    same = open_codec(tmp_path / "half").encode(speech)[:, 0] == codec.encode(speech)[:, 0]
    assert same.float().mean() > 0.9


def test_the_hash_sees_every_weight(codec, tmp_path):
    save_codec(codec, tmp_path / "codec")
    path = tmp_path / "codec" / "model.safetensors"
    tensors = load_file(path)
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] += 1
    save_file(tensors, path)
    with pytest.raises(VqaudioError, match="do not have the hash"):
        open_codec(tmp_path / "codec")


def test_the_hash_sees_a_change_of_any_tensor(codec):
    state = shaping_state(codec)
    hashes = {fingerprint(codec)}
    other = copy.deepcopy(codec)
    for name, tensor in state.items():
        another = ~tensor if tensor.dtype == torch.bool else tensor + 1
        other.load_state_dict({**state, name: another}, strict=False)
        hashes.add(fingerprint(other))
    assert len(hashes) == 1 + len(state)


def changed(value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}x"
    return (*value, 7) if isinstance(value, tuple) else (value or 0) + 1


def every_change(config):
    """The configuration with one setting changed, for each setting of each section."""
    for setting in fields(config):
        value = getattr(config, setting.name)
        for other in every_change(value) if is_dataclass(value) else [changed(value)]:
            yield setting.name, replace(config, **{setting.name: other})


@pytest.mark.parametrize("kind", ["ema", "gradient", "finite_scalar"])
def test_the_hash_of_the_configuration_sees_every_setting_but_the_name(kind):
    config = CodecConfig(quantizer=CONFIGS[kind]())
    changes = list(every_change(config))
    assert {name for name, other in changes if config_fingerprint(other) == config_fingerprint(config)} == {"name"}
    assert len({config_fingerprint(other) for _, other in changes}) == len(changes)


def test_settings_that_nobody_chose_do_not_enter_the_hash(codec):
    header = to_mapping(codec.config)
    assert header.pop("speaker_kind") == CodecConfig.speaker_kind  # as an old codec lacks what a later version added
    assert config_fingerprint(from_mapping(CodecConfig, header)) == codec.config_sha256


def test_a_damaged_file_is_refused_in_words(codec, tmp_path):
    save_codec(codec, tmp_path / "codec")
    (tmp_path / "codec" / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(VqaudioError, match="cannot be read"):
        open_codec(tmp_path / "codec")


def test_weights_of_another_shape_are_refused_in_words(codec, tmp_path):
    save_codec(codec, tmp_path / "codec")
    header = json.loads((tmp_path / "codec" / "config.json").read_text())
    header["codec"]["quantizer"]["num_codebooks"] = 3
    (tmp_path / "codec" / "config.json").write_text(json.dumps(header))
    with pytest.raises(VqaudioError, match="do not belong together"):
        open_codec(tmp_path / "codec")


def test_a_later_format_asks_for_an_upgrade(codec, tmp_path):
    save_codec(codec, tmp_path / "codec")
    path = tmp_path / "codec" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(VqaudioError, match="upgrade"):
        open_codec(tmp_path / "codec")


@pytest.mark.parametrize("version", [None, "7", [1]])
def test_a_format_that_is_no_number_is_refused_in_words(codec, tmp_path, version):
    save_codec(codec, tmp_path / "codec")
    path = tmp_path / "codec" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": version}))
    with pytest.raises(VqaudioError, match=r"format_version is .*; wanted a number"):
        open_codec(tmp_path / "codec")


def test_an_unknown_codec_lists_the_shipped_ones():
    with pytest.raises(VqaudioError, match="no codec called 'nothing-8k'"):
        open_codec("nothing-8k")


def test_the_folder_of_a_training_run_stands_for_its_codec(codec, tmp_path):
    save_codec(codec, tmp_path / "run" / "codec")
    assert open_codec(tmp_path / "run").weights_sha256 == codec.weights_sha256


def test_opening_and_saving_leave_the_random_numbers_alone(codec, tmp_path):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    save_codec(codec, tmp_path / "codec")
    open_codec(tmp_path / "codec")
    assert torch.equal(torch.rand(1), wanted)


def test_nothing_is_left_beside_the_saved_files(codec, tmp_path):
    save_codec(codec, tmp_path / "codec")
    assert sorted(p.name for p in (tmp_path / "codec").iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_codec_from_before_a_field_existed_opens_as_it_was(codec, speech, tmp_path):
    save_codec(codec, tmp_path / "codec")
    header = json.loads((tmp_path / "codec" / "config.json").read_text())
    assert header["codec"]["encoder"].pop("lookahead_frames") == 0
    (tmp_path / "codec" / "config.json").write_text(json.dumps(header))
    assert torch.equal(open_codec(tmp_path / "codec").encode(speech), codec.encode(speech))


def test_codebooks_stay_whole_where_the_networks_are_halved(codec, tmp_path):
    """A code's vector decides which code is nearest: it is not rounded."""
    save_codec(codec, tmp_path / "half", is_half=True)
    halved, whole = open_codec(tmp_path / "half").state_dict(), codec.state_dict()
    names = [name for name, tensor in whole.items() if tensor.is_floating_point()]
    assert all(torch.equal(halved[name], whole[name]) for name in names if name.startswith("quantizer."))
    assert any(not torch.equal(halved[name], whole[name]) for name in names)
