"""The `data:` section of a recipe: the corpus, and how training crops are cut from it."""

from dataclasses import dataclass, field

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import Augmentation
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.mixing import NoiseConfig
from vqaudio.corpora.reading import read_corpus


@dataclass(frozen=True)
class DataConfig:
    """The corpus to train on, and how crops are cut from it.

    split_option: what the reader calls its splits, `subset` for LibriSpeech; it is not asked for a split that is null.
    held_out_every: for a corpus without splits: of so many utterances the first is left for evaluation; 0 takes all.
    """

    kind: str = "manifest"
    root: str = ""
    split: str | None = "train"
    eval_split: str | None = "eval"
    split_option: str = "split"
    held_out_every: int = 0
    crop_samples: int = 20_480
    bucket_samples: int | None = None
    num_eval_crops: int = 32
    is_cached: bool = True
    num_workers: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)
    noise: NoiseConfig = field(default_factory=NoiseConfig)


def open_crops(data: DataConfig, sample_rate_hz: int, *, seed: int, is_held_out: bool = False) -> CropDataset:
    """Open the crops to train on, or those of the held-out speech.

    Raises VqaudioError where no corpus is named.
    """
    if not data.root:
        raise VqaudioError("the recipe names no corpus; add data.root=DIR")
    split = data.eval_split if is_held_out else data.split
    utterances = read_corpus(data.kind, data.root, **({} if split is None else {data.split_option: split}))
    if data.held_out_every:
        utterances = [
            utterance for index, utterance in enumerate(utterances) if (index % data.held_out_every == 0) == is_held_out
        ]
    return CropDataset(
        utterances,
        crop_samples=data.crop_samples,
        bucket_samples=data.bucket_samples,
        sample_rate_hz=sample_rate_hz,
        seed=seed,
        cache=data.is_cached,
        workers=data.num_workers,
        augmentation=data.augmentation,
        noise=None if is_held_out else data.noise,
    )
