"""The `data:` section of a recipe: every setting reaches the crops."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crop_data import DataConfig, open_crops
from vqaudio.corpora.crops import Augmentation
from vqaudio.corpora.mixing import NoiseConfig

RATE_HZ = 8_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of ten utterances, of which two are for evaluation, and a noise."""
    root, random = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    lines = ["path,split"]
    for number in range(10):
        soundfile.write(root / f"{number}.wav", 0.1 * random.standard_normal(400 + 100 * number), RATE_HZ)
        lines.append(f"{number}.wav,{'eval' if number in (3, 7) else 'train'}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    soundfile.write(root / "noise.wav", 0.1 * random.standard_normal(4_000), RATE_HZ)
    (root / "noise.csv").write_text("path,kind\nnoise.wav,noise\n")
    return root


def opened(root: Path, *, seed: int = 0, is_held_out: bool = False, **changes: Any):
    data = replace(DataConfig(root=str(root), crop_samples=500, num_workers=1), **changes)
    return open_crops(data, RATE_HZ, seed=seed, is_held_out=is_held_out)


def names(crops) -> list[str]:
    return [utterance.path.name for utterance in crops.utterances]


def test_a_split_is_trained_on_and_another_held_out(root: Path) -> None:
    assert names(opened(root, is_held_out=True)) == ["3.wav", "7.wav"]
    assert names(opened(root)) == [f"{number}.wav" for number in range(10) if number not in (3, 7)]
    assert len(names(opened(root, split=None))) == 10
    assert names(opened(root, eval_split="train", is_held_out=True)) == names(opened(root))


@pytest.mark.parametrize("every", [1, 3, 10])
def test_without_splits_the_first_of_so_many_is_held_out_and_no_other(root: Path, every: int) -> None:
    plain = {"split": None, "eval_split": None, "held_out_every": every}
    held_out = names(opened(root, is_held_out=True, **plain))
    assert held_out == [f"{number}.wav" for number in range(0, 10, every)]
    if every == 1:
        with pytest.raises(VqaudioError, match="leaves nothing"):
            opened(root, **plain)
    else:
        assert sorted(held_out + names(opened(root, **plain))) == sorted(f"{number}.wav" for number in range(10))


def test_the_readers_own_word_for_a_split_is_used(root: Path) -> None:
    with pytest.raises(VqaudioError, match="has no option 'subset'"):
        opened(root, split_option="subset")
    with pytest.raises(VqaudioError, match=r"names no corpus; add data\.root=DIR"):
        open_crops(DataConfig(), RATE_HZ, seed=0)


def test_every_setting_changes_the_batch(root: Path) -> None:
    plain = opened(root).batch(0, 8)["audio"]
    assert np.array_equal(opened(root).batch(0, 8)["audio"], plain)
    noise = NoiseConfig(str(root), noise_share=1.0, room_share=0.0)
    several: list[dict[str, Any]] = [{"seed": 1}, {"augmentation": Augmentation(-9.0, -3.0)}, {"noise": noise}]
    for changes in several:
        assert not np.array_equal(opened(root, **changes).batch(0, 8)["audio"], plain)
    assert opened(root, crop_samples=300).batch(0, 8)["audio"].shape == (8, 1, 300)
    bucketed = opened(root, crop_samples=1_500, bucket_samples=50)
    assert min(bucketed.batch_samples(step, 1) for step in range(8)) < 1_500
    assert opened(root, crop_samples=1_500).batch_samples(0, 1) == 1_500


def test_held_out_speech_is_heard_without_noise(root: Path) -> None:
    noise = NoiseConfig(str(root), noise_share=1.0, room_share=0.0)
    clean, other = opened(root, is_held_out=True), opened(root, is_held_out=True, noise=noise)
    assert np.array_equal(clean.batch(0, 4)["audio"], other.batch(0, 4)["audio"])


def test_a_corpus_is_kept_in_memory_where_that_is_wanted(root: Path) -> None:
    assert opened(root).samples.dtype == np.int16
    with pytest.raises(VqaudioError, match="keeps no samples in memory"):
        _ = opened(root, is_cached=False).samples


def test_a_folder_without_a_manifest_is_a_corpus_of_which_every_twentieth_is_held_out(root, tmp_path):
    for number in range(41):
        (tmp_path / f"{number:02}.wav").write_bytes((root / "0.wav").read_bytes())
    trained, held_out = (names(opened(tmp_path, is_held_out=is_held_out)) for is_held_out in (False, True))
    assert held_out == ["00.wav", "20.wav", "40.wav"]
    assert len(trained) == 38
    assert not set(trained) & set(held_out)
    assert len(names(opened(tmp_path, is_held_out=True, held_out_every=10))) == 5


def test_a_manifest_beside_recordings_is_the_corpus(root):
    assert names(opened(root, is_held_out=True)) == names(opened(root, is_held_out=True, kind="manifest"))
    assert names(opened(root / "metadata.csv", is_held_out=True)) == ["3.wav", "7.wav"]


def test_one_recording_is_too_few_to_train_and_to_evaluate_on(root, tmp_path):
    (tmp_path / "one.wav").write_bytes((root / "0.wav").read_bytes())
    with pytest.raises(VqaudioError, match="give two or more"):
        opened(tmp_path)
