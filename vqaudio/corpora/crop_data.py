"""The `data:` section of a recipe: the corpus, and how training crops are cut from it."""

from dataclasses import dataclass, field
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import Augmentation
from vqaudio.corpora.dataset import CropDataset
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.mixing import NoiseConfig
from vqaudio.corpora.readers.manifest import MANIFEST_NAME
from vqaudio.corpora.reading import read_corpus

HELD_OUT_EVERY = 20  # of the recordings of a plain folder, which says nothing of splits


@dataclass(frozen=True)
class DataConfig:
    """The corpus to train on, and how crops are cut from it.

    kind: a corpus by its reader; `auto` is a manifest where root is a CSV file or has a metadata.csv, and else any
    folder of sound files, of which every twentieth is left for evaluation.  root: the corpus's folder or CSV file.
    split, eval_split: names of the training and the held-out part; null for all.  split_option: what the reader calls
    its splits, `subset` for LibriSpeech; it is not asked for a split that is null.  crop_samples: of a training crop.
    bucket_samples: crops of about one length share a batch, whose length is a multiple of it; null pads short
    utterances to a whole crop.  num_eval_crops: held-out crops of an evaluation.  is_cached: the corpus stays in
    memory.  num_workers: threads that read ahead.  augmentation: of training crops.  noise: of training crops.
    held_out_every: for a corpus without splits: of so many utterances the first is left for evaluation; 0 takes all.
    """

    kind: str = "auto"
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
    return CropDataset(
        read_utterances(data, is_held_out=is_held_out),
        crop_samples=data.crop_samples,
        bucket_samples=data.bucket_samples,
        sample_rate_hz=sample_rate_hz,
        seed=seed,
        cache=data.is_cached,
        workers=data.num_workers,
        augmentation=data.augmentation,
        noise=None if is_held_out else data.noise,
    )


def read_utterances(data: DataConfig, *, is_held_out: bool) -> list[Utterance]:
    """Read the utterances to train on, or the held-out ones.  Raises VqaudioError where one side has none."""
    kind, split, every = data.kind, data.eval_split if is_held_out else data.split, data.held_out_every
    if kind == "auto":
        root = Path(data.root)
        kind = "manifest" if root.is_file() or (root / MANIFEST_NAME).is_file() else "folder"
        if kind == "folder":
            split, every = None, every or HELD_OUT_EVERY
    utterances = read_corpus(kind, data.root, **({} if split is None else {data.split_option: split}))
    if not every:
        return utterances
    if len(utterances) < 2:
        raise VqaudioError(f"{data.root} holds one recording; one is left for evaluation, so give two or more")
    chosen = [utterance for index, utterance in enumerate(utterances) if (index % every == 0) == is_held_out]
    if not chosen:
        raise VqaudioError(f"held_out_every={every} leaves nothing of {data.root} to train on; wanted 0, or 2 or more")
    return chosen
