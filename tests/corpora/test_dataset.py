"""Training batches: the same for every way of making them, and true to the files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import Augmentation
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.interface import Utterance

RATE_HZ = 16_000
CROP = 1600


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Five files of noise, one of them shorter than a crop, and two stretches of a sixth."""
    root, random = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    found = []
    for index, length in enumerate([4000, 16_000, 900, 1600, 9001]):
        path = root / f"{index}.wav"
        soundfile.write(path, random.integers(-9000, 9000, length).astype(np.int16), RATE_HZ)
        found.append(Utterance(path.name, path, speaker=["anna", "ben", None][index % 3]))
    path = root / "long.flac"
    soundfile.write(path, random.integers(-9000, 9000, 3 * RATE_HZ).astype(np.int16), RATE_HZ)
    return [*found, Utterance("a", path, 0.25, 0.75, "cleo"), Utterance("b", path, 1.5, None, "cleo")]


def make_dataset(corpus: list[Utterance], cache: bool = True, **options: object) -> CropDataset:
    settings = {"crop_samples": CROP, "sample_rate_hz": RATE_HZ, "seed": 3, "workers": 2, **options}
    return CropDataset(corpus, cache=cache, **settings)  # type: ignore[arg-type]


def test_crops_decoded_from_the_files_equal_crops_cut_from_memory(corpus: list[Utterance]) -> None:
    cached, seeking = make_dataset(corpus), make_dataset(corpus, cache=False)
    assert np.array_equal(cached.lengths, seeking.lengths)
    for step in range(12):
        from_memory, from_files = cached.batch(step, 4), seeking.batch(step, 4)
        for name in ("audio", "lengths", "speaker"):
            assert np.array_equal(from_memory[name], from_files[name]), name


def test_every_crop_is_found_in_its_file_and_zeros_follow_a_short_one(corpus: list[Utterance]) -> None:
    dataset = make_dataset(corpus)
    was_padded = False
    for step in range(8):  # one epoch
        positions, batch = dataset.crop_positions(step, 5), dataset.batch(step, 5)
        for place, audio in enumerate(batch["audio"][:, 0]):
            owner = np.searchsorted(dataset.offsets, positions.starts[place], side="right") - 1
            one = corpus[owner]
            whole, _ = soundfile.read(one.path, dtype="float32")
            first = positions.starts[place] - dataset.offsets[owner] + round((one.start_s or 0) * RATE_HZ)
            length = batch["lengths"][place]
            assert np.array_equal(audio[:length], whole[first : first + length])
            assert not audio[length:].any()
            was_padded |= length < CROP
    assert was_padded


def test_two_ranks_together_get_the_batch_of_one(corpus: list[Utterance]) -> None:
    dataset = make_dataset(corpus, augmentation=Augmentation(-6, 6, True))
    whole, shares = dataset.batch(4, 6), [dataset.batch(4, 6, rank, 2) for rank in range(2)]
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([share[name] for share in shares]))


def test_gain_and_polarity_scale_the_crop_and_nothing_else(corpus: list[Utterance]) -> None:
    plain, changed = make_dataset(corpus), make_dataset(corpus, augmentation=Augmentation(-6, 6, True))
    scales = changed.crop_positions(2, 6).scales
    assert len(np.unique(scales)) == 6
    np.testing.assert_allclose(
        changed.batch(2, 6)["audio"], plain.batch(2, 6)["audio"] * scales[:, None, None], rtol=1e-6
    )


def test_crops_cut_by_position_from_the_samples_equal_the_batch(corpus: list[Utterance]) -> None:
    dataset = make_dataset(corpus)
    positions, batch = dataset.crop_positions(1, 7), dataset.batch(1, 7)
    for place, start in enumerate(positions.starts):
        cut = dataset.samples[start : start + CROP].astype(np.float32) / 32_768
        assert len(cut) == CROP
        cut[positions.lengths[place] :] = 0
        assert np.array_equal(cut, batch["audio"][place, 0])


def test_a_short_utterance_at_the_very_end_is_padded_too(corpus: list[Utterance]) -> None:
    short = corpus[2]
    for cache in (True, False):
        batch = make_dataset([short], cache=cache).batch(0, 2)
        assert batch["audio"].shape == (2, 1, CROP)
        assert batch["lengths"].tolist() == [900, 900]
        assert not batch["audio"][:, :, 900:].any()


def test_prefetched_batches_come_in_order_from_any_step(corpus: list[Utterance]) -> None:
    dataset = make_dataset(corpus)
    with dataset.prefetch(start_step=5, batch_size=4) as batches:
        for step, batch in zip(range(5, 12), batches, strict=False):
            assert np.array_equal(batch["audio"], dataset.batch(step, 4)["audio"])
        assert 0.0 <= batches.share_waiting <= 1.0
    with dataset.prefetch(5, 4, rank=1, world_size=2, depth=2) as batches:
        assert np.array_equal(next(batches)["audio"], dataset.batch(5, 4)["audio"][2:])


def test_the_hours_are_those_of_all_utterances(corpus: list[Utterance]) -> None:
    assert make_dataset(corpus).hours == pytest.approx(make_dataset(corpus).lengths.sum() / RATE_HZ / 3600)
    assert make_dataset([*corpus] * 2).hours == pytest.approx(2 * make_dataset(corpus).hours)


def test_speakers_are_numbered_by_name_and_unknown_is_minus_one(corpus: list[Utterance]) -> None:
    dataset = make_dataset(corpus)
    assert dataset.speakers == ("anna", "ben", "cleo")
    seen: dict[int, set[int]] = {}
    for step in range(20):
        positions = dataset.crop_positions(step, 5)
        for owner, speaker in zip(
            np.searchsorted(dataset.offsets, positions.starts, side="right") - 1, positions.speakers, strict=True
        ):
            seen.setdefault(int(speaker), set()).add(int(owner))
    assert seen == {0: {0, 3}, 1: {1, 4}, -1: {2}, 2: {5, 6}}


def test_resampled_crops_from_files_match_those_from_memory(tmp_path: Path) -> None:
    time_s = np.arange(44_100) / 44_100
    soundfile.write(tmp_path / "sweep.wav", 0.5 * np.sin(2 * np.pi * (200 + 900 * time_s) * time_s), 44_100)
    corpus = [Utterance("sweep", tmp_path / "sweep.wav")]
    cached, seeking = make_dataset(corpus), make_dataset(corpus, cache=False)
    for step in range(5):
        difference = cached.batch(step, 4)["audio"] - seeking.batch(step, 4)["audio"]
        assert np.abs(difference).max() < 2e-4  # int16 rounding and the filter's far tails


def test_a_file_that_cannot_be_read_is_named(corpus: list[Utterance], tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"not audio")
    for cache in (True, False):
        with pytest.raises(VqaudioError, match=r"broken\.wav"):
            make_dataset([*corpus, Utterance("broken", tmp_path / "broken.wav")], cache=cache)


def test_nan_and_empty_files_are_refused_by_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.full(4000, np.nan, np.float32), RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), RATE_HZ)
    for name in ("nan.wav", "empty.wav"):
        with pytest.raises(VqaudioError, match=name):
            make_dataset([Utterance(name, tmp_path / name)])


def test_a_dataset_without_utterances_or_cache_says_what_to_do(corpus: list[Utterance]) -> None:
    with pytest.raises(VqaudioError, match="at least one utterance"):
        make_dataset([])
    with pytest.raises(VqaudioError, match="cache=True"):
        _ = make_dataset(corpus, cache=False).samples


def test_buckets_shorten_batches_of_short_utterances_and_lose_nothing(tmp_path: Path) -> None:
    random, corpus = np.random.default_rng(1), []
    for index, length in enumerate([300, 310, 390, 700, 720, 790, 5000, 9000]):
        soundfile.write(tmp_path / f"{index}.wav", random.integers(-9000, 9000, length).astype(np.int16), RATE_HZ)
        corpus.append(Utterance(str(index), tmp_path / f"{index}.wav"))
    plain = make_dataset(corpus)
    cached, seeking = (make_dataset(corpus, cache, bucket_samples=400) for cache in (True, False))
    num_samples, num_padding, num_plain_padding = [], 0, 0
    for step in range(2 * cached.crops_per_epoch):
        batch, again = cached.batch(step, 3), seeking.batch(step, 3)
        assert np.array_equal(batch["audio"], again["audio"])
        whole = cached.batch_samples(step, 3)
        assert batch["audio"].shape == (3, 1, whole)
        assert batch["lengths"].max() > whole - 400
        assert np.array_equal(cached.batch(step, 3, 1, 3)["audio"], batch["audio"][1:2])
        num_samples.append(whole)
        num_padding += int((whole - batch["lengths"]).sum())
        num_plain_padding += int((CROP - plain.batch(step, 3)["lengths"]).sum())
    assert set(num_samples) == {400, 800, 1600}
    assert num_padding < 0.4 * num_plain_padding
