"""Codecs of transformers: their own codes, of recordings of any length, whatever they are batched with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.codec.foreign import ForeignCodec, WholeDecoder, WholeEncoder, open_foreign
from vqaudio.codec.locate import find_codec
from vqaudio.codec.saving import open_tokenizer
from vqaudio.core.errors import VqaudioError

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'vqaudio[hf]'")

BOOK = {"codebook_size": 32}
HUBERT = {"model_type": "hubert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SMALL = {
    "encodec": lambda: transformers.EncodecModel(
        transformers.EncodecConfig(
            **BOOK, num_filters=4, hidden_size=16, codebook_dim=16, target_bandwidths=[1.5, 3.0], num_lstm_layers=1
        )
    ),
    "dac": lambda: transformers.DacModel(
        transformers.DacConfig(**BOOK, encoder_hidden_size=8, decoder_hidden_size=32, n_codebooks=3, codebook_dim=4)
    ),
    "mimi": lambda: transformers.MimiModel(
        transformers.MimiConfig(
            **BOOK,
            num_filters=8,
            hidden_size=32,
            codebook_dim=16,
            vector_quantization_hidden_dimension=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
            intermediate_size=32,
            num_quantizers=4,
            upsample_groups=32,
        )
    ),
    "xcodec": lambda: transformers.XcodecModel(
        transformers.XcodecConfig(
            **BOOK,
            codebook_dim=32,
            target_bandwidths=[0.25, 0.5],
            acoustic_model_config={
                "encoder_hidden_size": 8,
                "decoder_hidden_size": 32,
                "hidden_size": 16,
                "downsampling_ratios": [8, 5, 4, 2],
            },
            semantic_model_config={**HUBERT, "intermediate_size": 16, "conv_dim": [8] * 7},
        )
    ),
    "xcodec2": lambda: transformers.Xcodec2Model(
        transformers.Xcodec2Config(
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
            encoder_hidden_size=4,
            quantization_dim=48,
            quantization_levels=[4, 4, 2],
            semantic_model_config={
                "model_type": "wav2vec2-bert",
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 16,
                "feature_projection_input_dim": 160,
            },
        )
    ),
}

if not hasattr(transformers, "Xcodec2Model"):  # of transformers 5
    del SMALL["xcodec2"]


def save_random(kind: str, path: Path, seed: int) -> None:
    """Save a small model with random weights, and random codes too, which transformers leaves at zero."""
    torch.manual_seed(seed)
    model = SMALL[kind]().eval()
    for name, buffer in model.named_buffers():
        if "embed" in name.split(".")[-1]:
            buffer.normal_()
    if kind == "xcodec2":
        for parameter in model.parameters():  # as transformers draws them, all codes are one
            if parameter.ndim > 1:
                parameter.data.normal_(std=2 * parameter[0].numel() ** -0.5)
        transformers.Xcodec2FeatureExtractor().save_pretrained(path)
    model.save_pretrained(path)


@pytest.fixture(scope="module", params=SMALL)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights, saved as transformers saves it."""
    path = tmp_path_factory.mktemp("models") / request.param
    save_random(request.param, path, seed=0)
    return path


@pytest.fixture(scope="module")
def codec(folder: Path) -> ForeignCodec:
    opened = open_tokenizer(f"hf:{folder}")
    assert isinstance(opened, ForeignCodec)
    return opened


def noise(num_samples: int, rows: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(rows, 1, num_samples, generator=torch.Generator().manual_seed(num_samples))


def test_codes_of_whole_frames_are_those_of_a_direct_call(codec: ForeignCodec, folder: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folder).eval()
    audio = noise(12 * codec.grid.hop_samples)
    kind = model.config.model_type
    options = {"bandwidth": max(model.config.target_bandwidths)} if kind in ("encodec", "xcodec") else {}
    inputs = {"input_values": audio}
    if kind == "xcodec2":
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
        inputs = extractor(audio[0, 0].numpy(), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        direct = model.encode(**inputs, **options).audio_codes
    direct = direct.reshape(1, *direct.shape[-2:])
    codes = codec.encode(audio)
    assert torch.equal(codes[..., : direct.shape[-1]], direct[..., : codes.shape[-1]])
    assert abs(direct.shape[-1] - codes.shape[-1]) <= 1
    assert len(codes.unique()) > 3


@pytest.mark.parametrize("extra", [-1, 0, 1, 300])
def test_lengths_are_exact(codec: ForeignCodec, extra: int) -> None:
    length = 5 * codec.grid.hop_samples + extra
    codes = codec.encode(noise(length))
    assert codes.shape == (1, codec.num_codebooks, codec.grid.num_frames(length))
    assert 0 <= int(codes.min()) <= int(codes.max()) < codec.codebook_size
    assert codec.decode(codes, length).shape == (1, 1, length)
    assert codec.decode(codes[:, :1], length).shape == (1, 1, length)
    with pytest.raises(VqaudioError, match="cannot give"):
        codec.decode(codes, length + codec.grid.hop_samples)


def test_neighbours_and_padding_change_no_code(codec: ForeignCodec) -> None:
    hop = codec.grid.hop_samples
    audio, lengths = noise(6 * hop, rows=3), torch.tensor([6 * hop, 2 * hop + 1, 4 * hop])
    codes = codec.encode(audio, lengths)
    for row, length, found in zip(audio.split(1), lengths.tolist(), codes, strict=True):
        alone = codec.encode(row[..., :length])[0]
        assert torch.equal(found[:, : alone.shape[1]], alone)
        assert not found[:, alone.shape[1] :].any()


def test_fewer_codebooks_are_the_first_ones(codec: ForeignCodec) -> None:
    audio = noise(4 * codec.grid.hop_samples)
    assert torch.equal(codec.encode(audio, num_codebooks=1), codec.encode(audio)[:, :1])


def test_blocks_of_any_size_give_the_codes_and_the_sound_of_the_whole(codec: ForeignCodec) -> None:
    audio = noise(5 * codec.grid.hop_samples + 17)
    encoder, samples = WholeEncoder(codec), audio[0, 0].numpy()
    parts = [encoder.push(samples[at : at + 700]) for at in range(0, len(samples), 700)]
    codes = np.concatenate([*parts, encoder.finish()], axis=1)
    assert np.array_equal(codes, codec.encode(audio)[0].numpy())
    decoder = WholeDecoder(codec)
    sound = np.concatenate([decoder.push(codes[:, :2]), decoder.push(codes[:, 2:]), decoder.finish(len(samples))])
    assert np.array_equal(sound, codec.decode(torch.from_numpy(codes)[None], len(samples))[0, 0].numpy())


def test_other_weights_or_settings_have_another_stamp(codec: ForeignCodec, folder: Path, tmp_path: Path) -> None:
    again = open_foreign(f"hf:{folder}")
    assert (again.weights_sha256, again.config_sha256) == (codec.weights_sha256, codec.config_sha256)
    save_random(folder.name, tmp_path / "other", seed=1)
    assert open_foreign(f"hf:{tmp_path / 'other'}").weights_sha256 != codec.weights_sha256


def test_what_cannot_come_in_is_told_and_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="hf download nobody/nothing"):
        open_foreign("hf:nobody/nothing")
    save_random("dac", tmp_path / "pickled", seed=0)
    weights = tmp_path / "pickled" / "model.safetensors"
    torch.save({}, weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(VqaudioError, match="cannot be opened"):
        open_foreign(f"hf:{tmp_path / 'pickled'}")
    stereo = tmp_path / "stereo"
    stereo.mkdir()
    config = transformers.EncodecConfig(audio_channels=2)
    (stereo / "config.json").write_text(json.dumps(config.to_dict()))
    with pytest.raises(VqaudioError, match="2 channels"):
        open_foreign(f"hf:{stereo}")
    (stereo / "config.json").write_text(json.dumps(transformers.LlamaConfig().to_dict()))
    with pytest.raises(VqaudioError, match="'llama'"):
        open_foreign(f"hf:{stereo}")
    with pytest.raises(VqaudioError, match="one of transformers"):
        find_codec("hf:nobody/nothing")
