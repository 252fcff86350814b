"""Backgrounds of training crops: the same for every way of sharing a batch, at the level that was drawn."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.mixing import BackgroundMixer, NoiseConfig

RATE_HZ, NUM_SAMPLES = 16_000, 4_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two noises, and a room that gives one echo after its direct sound."""
    root, rng = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for number, length in enumerate((9_000, 1_000)):  # one is shorter than a crop
        soundfile.write(root / f"noise{number}.wav", 0.1 * rng.standard_normal(length), RATE_HZ)
    response = np.zeros(2_000)
    response[700], response[900] = 0.8, 0.4
    soundfile.write(root / "room.wav", response, RATE_HZ)
    (root / "noise.csv").write_text("path,kind\nnoise0.wav,noise\nnoise1.wav,noise\nroom.wav,room\n")
    return root


@pytest.fixture
def crops() -> np.ndarray:
    return (0.05 * np.random.default_rng(1).standard_normal((8, NUM_SAMPLES))).astype(np.float32)


def mixer(root: Path, **settings: float) -> BackgroundMixer:
    config = NoiseConfig(str(root), noise_share=0.0, room_share=0.0)
    return BackgroundMixer(replace(config, **settings), RATE_HZ, seed=5)


def test_without_a_share_a_crop_stays_as_it_is(root, crops):
    assert np.array_equal(mixer(root).mix(crops, 3, 8, 0), crops)


def test_noise_has_the_ratio_that_was_asked_for(root, crops):
    noise = mixer(root, noise_share=1.0, snr_low_db=12.0, snr_high_db=12.0).mix(crops, 3, 8, 0) - crops
    ratios_db = 10 * np.log10(np.square(crops).mean(axis=1) / np.square(noise).mean(axis=1))
    assert ratios_db == pytest.approx(np.full(8, 12.0), abs=0.01)
    assert not np.allclose(noise[0], noise[1])


def test_a_room_adds_its_echo_and_moves_nothing(root, crops):
    found = mixer(root, room_share=1.0).mix(crops, 3, 8, 0)
    direct, echo = np.array([0.8, 0.4]) / np.hypot(0.8, 0.4)
    wanted = direct * crops
    wanted[:, 200:] += echo * crops[:, :-200]
    assert np.allclose(found, wanted, atol=1e-3)


def test_a_room_whose_direct_sound_is_a_dip_moves_nothing_either(tmp_path, crops):
    response = np.zeros(2_000)
    response[700], response[900] = -0.8, 0.4  # a microphone with the other polarity
    soundfile.write(tmp_path / "room.wav", response, RATE_HZ)
    (tmp_path / "noise.csv").write_text("path,kind\nroom.wav,room\n")
    found = mixer(tmp_path, room_share=1.0).mix(crops, 3, 8, 0)
    assert np.allclose(found[:, :200], -0.8 / np.hypot(0.8, 0.4) * crops[:, :200], atol=1e-3)


def test_about_the_share_of_the_crops_gets_a_background_and_silence_none(root, crops):
    mixed = mixer(root, noise_share=0.25)
    many = np.concatenate([(mixed.mix(crops, step, 8, 0) != crops).any(axis=1) for step in range(100)])
    assert 0.2 < many.mean() < 0.3
    silence = np.zeros_like(crops)
    assert not mixer(root, noise_share=1.0, room_share=1.0).mix(silence, 3, 8, 0).any()


def test_what_goes_beyond_full_scale_is_brought_down_to_it(root, crops):
    found = mixer(root, noise_share=1.0, snr_low_db=0.0, snr_high_db=0.0).mix(crops / np.abs(crops).max(), 3, 8, 0)
    assert np.abs(found).max() == pytest.approx(1.0)


def test_processes_that_share_a_batch_make_the_batch_of_one(root, tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, 0.05 * np.random.default_rng(2).standard_normal(40_000), RATE_HZ)
    noise = NoiseConfig(str(root), noise_share=0.5, room_share=0.5)
    make = partial(CropDataset, [Utterance("a", path)], crop_samples=NUM_SAMPLES, sample_rate_hz=RATE_HZ, seed=3)
    dataset = make(noise=noise)
    whole = dataset.batch(4, 8)["audio"]
    assert np.array_equal(np.concatenate([dataset.batch(4, 8, rank, 2)["audio"] for rank in range(2)]), whole)
    clean = make().batch(4, 8)
    assert not np.allclose(whole, clean["audio"])
    assert np.array_equal(dataset.batch(4, 8)["clean"], clean["audio"])
    assert np.array_equal(clean["clean"], clean["audio"])


def test_another_seed_and_another_step_mix_otherwise_and_noise_does_not_reach_into_padding(root, tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, 0.05 * np.random.default_rng(2).standard_normal(1_000), RATE_HZ)
    noise = NoiseConfig(str(root), noise_share=1.0, room_share=0.5)
    settings = {"crop_samples": NUM_SAMPLES, "sample_rate_hz": RATE_HZ, "noise": noise}
    first, other = (CropDataset([Utterance("a", path)], seed=seed, **settings) for seed in (3, 4))
    batch = first.batch(1, 4)["audio"]  # each crop is the whole utterance
    assert not np.allclose(batch, other.batch(1, 4)["audio"])
    assert not np.allclose(batch, first.batch(2, 4)["audio"])
    assert not batch[..., 1_000:].any()
    assert batch[..., :1_000].any()


def test_a_background_begins_anywhere_and_one_that_is_short_is_repeated(root, crops):
    """The noise that was added, over the first one that was found in the file."""
    mixed = mixer(root, noise_share=1.0, snr_low_db=0.0, snr_high_db=0.0)
    added = np.concatenate([mixed.mix(crops / 9, step, 8, 0) - crops / 9 for step in range(8)])
    long, short = (soundfile.read(root / f"noise{number}.wav", dtype="float32")[0] for number in range(2))
    starts = set()
    for noise in added:
        is_short = np.allclose(noise[:1_000] / np.linalg.norm(noise[:1_000]), short / np.linalg.norm(short), atol=1e-3)
        if is_short:
            assert np.allclose(noise[1_000:], noise[:-1_000], atol=1e-5)
            continue
        fits = np.correlate(long, noise)
        starts.add(int(fits.argmax()))
    assert len(starts) > 5
    assert max(starts) > 1_000


def test_a_room_is_heard_for_a_second_and_a_silent_background_is_no_trouble(tmp_path, crops):
    response = np.zeros(3 * RATE_HZ)
    response[100], response[100 + 2_000], response[100 + RATE_HZ + 500] = 0.5, 0.5, 0.9 * 0.5
    soundfile.write(tmp_path / "room.wav", response, RATE_HZ)
    soundfile.write(tmp_path / "noise.wav", np.zeros(5_000), RATE_HZ)
    (tmp_path / "noise.csv").write_text("path,kind\nroom.wav,room\nnoise.wav,noise\n")
    long = np.tile(crops, 5)
    found = mixer(tmp_path, room_share=1.0).mix(long, 3, 8, 0)
    wanted = long / np.sqrt(2)
    wanted[:, 2_000:] += long[:, :-2_000] / np.sqrt(2)
    assert np.allclose(found, wanted, atol=1e-3)  # what comes after a second is cut off
    assert np.isfinite(mixer(tmp_path, noise_share=1.0).mix(crops, 3, 8, 0)).all()


def test_without_a_word_speech_is_louder_than_its_background():
    config = NoiseConfig()
    assert 0 < config.snr_low_db < config.snr_high_db
    assert (config.snr_low_db, config.snr_high_db, config.noise_share, config.room_share) == (5.0, 30.0, 0.25, 0.12)


def test_a_share_of_nothing_needs_no_background(tmp_path, crops):
    (tmp_path / "noise.csv").write_text("path,kind\n")
    assert np.array_equal(mixer(tmp_path).mix(crops, 0, 8, 0), crops)
    for kind in ("noise", "room"):
        with pytest.raises(VqaudioError, match=f"lists no {kind}; set {kind}_share to 0"):
            mixer(tmp_path, **{f"{kind}_share": 0.1})


@pytest.mark.parametrize(
    ("table", "said"),
    [("path,kind\n", "lists no noise"), ("file,kind\na.wav,noise\n", "lacks the columns"), (None, "cannot be read")],
)
def test_a_table_that_names_nothing_is_refused_in_words(table, said, tmp_path):
    if table is not None:
        (tmp_path / "noise.csv").write_text(table)
    with pytest.raises(VqaudioError, match=said):
        BackgroundMixer(NoiseConfig(str(tmp_path)), RATE_HZ, seed=0)
