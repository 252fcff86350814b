"""The table of readers: names, options and the samples that come with the project."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.reading import READERS, read_corpus

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


@pytest.mark.parametrize("kind", sorted(READERS))
def test_every_reader_refuses_a_root_that_is_not_its_corpus(kind: str, tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match=str(tmp_path)):
        read_corpus(kind, tmp_path)
    with pytest.raises(VqaudioError, match=str(tmp_path)):
        read_corpus(kind, tmp_path / "missing")


def test_an_unknown_kind_or_option_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no corpus reader 'tedlium'; the readers are: .*ljspeech.*vctk"):
        read_corpus("tedlium", tmp_path)
    with pytest.raises(VqaudioError, match="'manifest' has no option 'subset'; its options: split"):
        read_corpus("manifest", tmp_path, subset="train")


def test_the_samples_train_and_evaluate_on_different_speakers() -> None:
    train, evaluation = (read_corpus("manifest", SAMPLES, split=split) for split in ("train", "eval"))
    assert {one.speaker for one in train}.isdisjoint({one.speaker for one in evaluation})
    assert all(one.text for one in train + evaluation)
    listed = {one.path for one in train + evaluation}
    assert listed == {one.path for one in read_corpus("folder", SAMPLES)}


def test_the_samples_make_training_batches() -> None:
    corpus = read_corpus("manifest", SAMPLES, split="eval")
    dataset = CropDataset(corpus, crop_samples=8000, sample_rate_hz=16_000, seed=0)
    audio = dataset.batch(0, 4)["audio"]
    assert audio.shape == (4, 1, 8000)
    assert 0.02 < audio.std() < 0.3
