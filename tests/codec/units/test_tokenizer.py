"""Units: those of a direct call of the model, on the time grid of every other codec, whatever they are batched with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.codec.foreign import WholeEncoder
from vqaudio.codec.locate import find_codec
from vqaudio.codec.saving import open_codec, open_speaking, open_tokenizer
from vqaudio.codec.units.centroids import centroids_sha256, read_centroids, write_centroids
from vqaudio.codec.units.hidden_states import open_hidden_states
from vqaudio.codec.units.naming import CENTROIDS, UnitsFacts, UnitsName, facts_to_json, read_units_folder, units_name
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'vqaudio[hf]'")

NUM_LAYERS, WIDTH, NUM_UNITS = 3, 24, 17


def noise(num_samples: int) -> np.ndarray:
    generator = np.random.default_rng(num_samples)
    return (0.1 * generator.standard_normal(num_samples) + 0.02).astype(np.float32)


def direct_states(folder: Path, samples: np.ndarray, layer: int) -> torch.Tensor:
    """Hidden states `t d` as the library gives them to anybody."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    values = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        return model(values, output_hidden_states=True).hidden_states[layer][0]


@pytest.fixture(scope="module")
def units(speech_model: Path, means_file: Path) -> UnitsTokenizer:
    opened = open_tokenizer(f"units:{speech_model},layer=2,kmeans={means_file}")
    assert isinstance(opened, UnitsTokenizer)
    return opened


def encode(units: UnitsTokenizer, samples: np.ndarray) -> np.ndarray:
    return units.encode(torch.from_numpy(samples)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", ["hubert", "wavlm", "wav2vec2"])
def test_vectors_of_every_layer_are_those_of_a_direct_call(
    make_speech_model, tmp_path: Path, kind: str, is_large: bool
) -> None:
    folder = make_speech_model(tmp_path / kind, kind, is_large=is_large)
    samples = noise(8_000)
    found = [open_hidden_states(str(folder), layer)(samples) for layer in range(1, NUM_LAYERS + 1)]
    for layer in range(1, NUM_LAYERS):  # of the last, versions of the library differ: with or without normalization
        direct = direct_states(folder, samples, layer)
        assert torch.allclose(torch.from_numpy(found[layer - 1]), direct, atol=1e-5)
    assert abs(found[0] - found[1]).max() > 0.1 < abs(found[1] - found[2]).max()


@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 399, 400, 401, 640, 719, 720, 721, 8_000])
def test_units_are_those_of_a_direct_call_and_the_last_fills_the_grid(
    units: UnitsTokenizer, speech_model: Path, means_file: Path, num_samples: int
) -> None:
    codes = encode(units, noise(num_samples))
    assert len(codes) == units.grid.num_frames(num_samples) == -(-num_samples // 320)
    assert 0 <= codes.min() <= codes.max() < NUM_UNITS
    if num_samples < 400:  # shorter than a frame hears: no direct call takes it
        return
    states = direct_states(speech_model, noise(num_samples), 2)
    direct = torch.cdist(states.double(), torch.from_numpy(np.load(means_file)).double()).argmin(dim=1).numpy()
    assert np.array_equal(codes[: len(direct)], direct)
    assert set(codes[len(direct) :]) <= {direct[-1]}
    assert 0 <= len(codes) - len(direct) <= 2


def test_units_vary(units: UnitsTokenizer) -> None:
    assert len(set(encode(units, noise(16_000)).tolist())) > 5


def test_neighbours_padding_and_blocks_change_no_unit(units: UnitsTokenizer) -> None:
    lengths = [6_400, 900, 4_001]
    audio = torch.zeros(3, 1, 6_400)
    for row, length in zip(audio, lengths, strict=True):
        row[0, :length] = torch.from_numpy(noise(length))
    codes = units.encode(audio, torch.tensor(lengths))
    for found, length in zip(codes, lengths, strict=True):
        alone = encode(units, noise(length))
        assert np.array_equal(found[0, : len(alone)], alone)
        assert not found[0, len(alone) :].any()
        encoder, samples = WholeEncoder(units), noise(length)
        parts = [encoder.push(samples[at : at + 700]) for at in range(0, length, 700)]
        assert np.array_equal(np.concatenate([*parts, encoder.finish()], axis=1)[0], alone)


def test_normalization_is_that_of_the_whole_recording(speech_model: Path, make_speech_model, tmp_path: Path) -> None:
    states = open_hidden_states(str(speech_model), 1)
    samples = noise(4_000)
    louder = (samples * 3 + 0.1).astype(np.float32)
    assert np.allclose(states(samples), states(louder), atol=1e-2)
    plain = open_hidden_states(str(make_speech_model(tmp_path / "m", is_large=True, is_normalized=False)), 1)
    assert not np.allclose(plain(samples), plain(louder), atol=0.1)


def test_stamps_tell_layers_means_and_weights_apart(
    units: UnitsTokenizer, speech_model: Path, means_file: Path, make_speech_model, tmp_path: Path
) -> None:
    def stamp(model: Path, layer: int, kmeans: Path) -> tuple[str, str]:
        opened = open_tokenizer(f"units:{model},layer={layer},kmeans={kmeans}")
        return opened.weights_sha256, opened.config_sha256

    same = stamp(speech_model, 2, means_file)
    write_centroids(tmp_path / "km.safetensors", np.load(means_file))
    assert stamp(speech_model, 2, tmp_path / "km.safetensors") == same == (units.weights_sha256, units.config_sha256)
    np.save(tmp_path / "other.npy", np.load(means_file) + 1e-3)
    other = make_speech_model(tmp_path / "hubert", seed=1)
    changed = [(speech_model, 1, means_file), (speech_model, 2, tmp_path / "other.npy"), (other, 2, means_file)]
    assert len({same, *(stamp(*parts) for parts in changed)}) == 4
    assert units.name == f"units:hubert/L2/kmeans-{NUM_UNITS}"


def write_folder(folder: Path, model: Path, means: np.ndarray, **changes: object) -> Path:
    folder.mkdir()
    sha256 = open_hidden_states(str(model), 2).weights_sha256
    facts = {"model": str(model), "model_sha256": sha256, "layer": 2, "centroids_sha256": centroids_sha256(means),
             "num_units": len(means), "width": WIDTH, "sample_rate_hz": 16_000, "hop_samples": 320}  # fmt: skip
    write_centroids(folder / CENTROIDS, means)
    (folder / "config.json").write_text(json.dumps(facts_to_json(UnitsFacts(**{**facts, **changes}))))  # type: ignore
    return folder


def test_a_folder_is_the_codec_that_its_parts_are(
    units: UnitsTokenizer, speech_model: Path, means_file: Path, tmp_path: Path
) -> None:
    means = np.load(means_file)
    folder = write_folder(tmp_path / "whole", speech_model, means)
    opened = open_tokenizer(folder)
    assert (opened.weights_sha256, opened.config_sha256) == (units.weights_sha256, units.config_sha256)
    assert read_units_folder(folder).num_units == NUM_UNITS
    with pytest.raises(VqaudioError, match="makes units"):
        open_codec(folder)
    with pytest.raises(VqaudioError, match="no sound"):
        open_speaking(folder)
    write_centroids(folder / CENTROIDS, means + 1)
    with pytest.raises(VqaudioError, match="does not have the hash"):
        open_tokenizer(folder)
    with pytest.raises(VqaudioError, match="other weights"):
        open_tokenizer(write_folder(tmp_path / "other", speech_model, means, model_sha256="ab"))


def test_what_cannot_be_opened_is_told(speech_model: Path, means_file: Path, tmp_path: Path) -> None:
    for name, sentence in {
        f"units:{speech_model},layer=9,kmeans={means_file}": "layers 1 to 3",
        f"units:{speech_model},layer=0,kmeans={means_file}": "layers 1 to 3",
        f"units:{speech_model}": "wants a layer and means",
        f"units:nobody/nothing,layer=1,kmeans={means_file}": "hf download nobody/nothing",
        f"units:{speech_model},layer=1,kmeans={tmp_path / 'none.npy'}": "No such file",
    }.items():
        with pytest.raises(VqaudioError, match=sentence):
            open_tokenizer(name)
    np.save(tmp_path / "wide.npy", np.zeros((4, WIDTH + 1), np.float32))
    with pytest.raises(VqaudioError, match=r"have 25 numbers.*have 24"):
        open_tokenizer(f"units:{speech_model},layer=1,kmeans={tmp_path / 'wide.npy'}")
    with pytest.raises(VqaudioError, match="makes units"):
        find_codec(f"units:{speech_model}")


def test_a_model_of_another_kind_with_holes_or_pickled_is_refused(make_speech_model, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_speech_model(tmp_path / "hubert")
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "layers.1.feed_forward" in name)
    save_file({name: tensor for name, tensor in weights.items() if name != gone}, folder / "model.safetensors")
    with pytest.raises(VqaudioError, match="lacks 1 weights"):
        open_hidden_states(str(folder), 2)
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(VqaudioError, match="cannot be opened"):
        open_hidden_states(str(folder), 2)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(VqaudioError, match="cannot be opened"):
        open_hidden_states(str(folder), 2)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(VqaudioError, match="'llama'"):
        open_hidden_states(str(folder), 2)


def test_a_recording_too_long_for_attention_is_refused(speech_model: Path, monkeypatch) -> None:
    monkeypatch.setattr("vqaudio.codec.units.hidden_states.MAX_SECONDS", 1)
    with pytest.raises(VqaudioError, match="cut it into segments"):
        open_hidden_states(str(speech_model), 1)(noise(16_001))


def test_pickles_are_never_read(tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    for name in ("km.bin", "km.pt", "km.npy"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(VqaudioError, match="pickle"):
            read_centroids(tmp_path / name)
    np.save(tmp_path / "objects.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(VqaudioError, match="pickle"):
        read_centroids(tmp_path / "objects.npy")
    assert not (tmp_path / "sprung").exists()


def test_means_that_are_none_are_refused(tmp_path: Path) -> None:
    for name, array in {"flat": np.zeros(3), "whole": np.zeros((2, 3), int), "nan": np.full((2, 3), np.nan)}.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(VqaudioError, match="wanted finite floats"):
            read_centroids(tmp_path / f"{name}.npy")


def test_names_are_read_back_and_flags_stand_for_their_parts(tmp_path: Path) -> None:
    for text in ("units:a/b", "units:a/b,layer=6", "units:/x y,layer=12,kmeans=/a,layer=1/km.npy"):
        assert str(UnitsName.parse(text)) == text
    assert UnitsName.parse("units:a,layer=6,kmeans=/k,kmeans=2/x").kmeans == "/k,kmeans=2/x"
    assert units_name("units:a", 6, Path("k.npy")) == "units:a,layer=6,kmeans=k.npy"
    assert units_name("speech-16k", None, None) == "speech-16k"
    with pytest.raises(VqaudioError, match="go with --codec units:"):
        units_name("speech-16k", 6, None)
    with pytest.raises(VqaudioError, match="already"):
        units_name("units:a,layer=6", 7, None)
    with pytest.raises(VqaudioError, match="names no model"):
        UnitsName.parse("units:")
    (tmp_path / "m").mkdir()
    (tmp_path / "x").mkdir()
    assert UnitsName.parse(f"units:{tmp_path}/x/../m,layer=1").whole == f"units:{tmp_path}/m,layer=1"
