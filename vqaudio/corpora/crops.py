"""The sampler of training crops: which segment of which utterance stands at which index of which batch.

Every draw is a pure function of (seed, step, batch size, index), by a counter-based generator.  So training resumes
from nothing but the step number, and two processes together see exactly the batch that one process would.
Source of the generator: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.buckets import bucketed_order

# Second half of the generator's key: the uses never share numbers.
ORDER_STREAM, CROP_STREAM, BATCH_STREAM = 0, 1, 2
UNKNOWN_SPEAKER = -1


@dataclass(frozen=True)
class Augmentation:
    """The augmentations that keep what was said.

    gain_low_db, gain_high_db: bounds of a gain, uniform in decibels.  is_polarity_random: by a coin toss.
    """

    gain_low_db: float = 0.0
    gain_high_db: float = 0.0
    is_polarity_random: bool = False

    def __post_init__(self) -> None:
        if self.gain_low_db > self.gain_high_db:
            raise VqaudioError(
                f"gain_low_db is {self.gain_low_db} and gain_high_db is {self.gain_high_db}; wanted low <= high"
            )


class CropPositions(NamedTuple):
    """The positions of the crops of one batch in the corpus written end to end; each field has the axis `b`.

    starts: int64 samples.  lengths: int64 samples, at most the crop; what is missing is to be zeros.
    speakers: int64, -1 for unknown.  gains_db: float32.  signs: float32, 1 or -1.
    """

    starts: np.ndarray
    lengths: np.ndarray
    speakers: np.ndarray
    gains_db: np.ndarray
    signs: np.ndarray

    @property
    def scales(self) -> np.ndarray:
        """`b` float32: the factor that gain and polarity make together."""
        return (self.signs * 10.0 ** (self.gains_db / 20.0)).astype(np.float32)


class CropSampler:
    """A sampler of crops in shuffled epochs; an utterance of m crops' length is visited m times in each.

    lengths: `u` int64 samples of each utterance, each at least 1.  speakers: `u` int64.
    crop_samples: length of a crop.
    bucket_samples: None draws batches of any lengths.  A number puts crops into one batch whose lengths, rounded up
        to its multiples, are the same, and `batch_samples` is that length: where utterances are shorter than a crop,
        less of the batch is padding.
    Raises VqaudioError for no utterances, an empty one, or a bucket that is not in 1 ... crop_samples.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        speakers: np.ndarray,
        *,
        crop_samples: int,
        seed: int,
        augmentation: Augmentation,
        bucket_samples: int | None = None,
    ) -> None:
        if crop_samples < 1:
            raise VqaudioError(f"crop_samples must be at least 1, got {crop_samples}")
        if len(lengths) == 0 or lengths.min() < 1:
            raise VqaudioError("crops need at least one utterance and no empty one; check the corpus and its split")
        if bucket_samples is not None and not 1 <= bucket_samples <= crop_samples:
            raise VqaudioError(f"bucket_samples must be 1 to crop_samples ({crop_samples}), got {bucket_samples}")
        self._bucket_samples = bucket_samples
        self._lengths = lengths.astype(np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self._lengths)[:-1]]).astype(np.int64)
        self._speakers = speakers.astype(np.int64)
        self._crop_samples = crop_samples
        self._seed = seed
        self._augmentation = augmentation
        visits = np.maximum(1, np.round(self._lengths / crop_samples)).astype(np.int64)
        self._owners = np.repeat(np.arange(len(lengths)), visits)  # one entry per visit: the utterance visited
        self._orders: dict[tuple[int, int], np.ndarray] = {}

    @property
    def offsets(self) -> np.ndarray:
        """`u` int64: where each utterance starts in the corpus written end to end."""
        return self._offsets

    @property
    def num_crops(self) -> int:
        """Crops in one epoch."""
        return len(self._owners)

    def utterances_at(self, step: int, batch_size: int) -> np.ndarray:
        """Return the utterances of a whole batch, `b` int64."""
        indices = step * batch_size + np.arange(batch_size, dtype=np.int64)
        epochs, ranks = np.divmod(indices, self.num_crops)
        chosen = np.empty(batch_size, dtype=np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = self._owners[self._order(int(epoch), batch_size)[ranks[here]]]
        return chosen

    def positions(self, step: int, batch_size: int, rank: int = 0, world_size: int = 1) -> CropPositions:
        """Draw the crops of this process in one step.

        batch_size: crops in the whole batch, over all processes; each takes its equal, contiguous share.
        Raises VqaudioError if the batch cannot be shared equally.
        """
        if step < 0 or batch_size < 1 or batch_size % world_size or not 0 <= rank < world_size:
            raise VqaudioError(
                f"a batch of {batch_size} crops at step {step} for rank {rank} of {world_size}: wanted a step of 0 or "
                f"more and a batch size that the number of processes divides"
            )
        share = batch_size // world_size
        mine = slice(rank * share, (rank + 1) * share)
        chosen = self.utterances_at(step, batch_size)[mine]
        offsets, loudness, polarity = uniform_draws(self._seed, CROP_STREAM, step, 3 * batch_size).reshape(
            3, batch_size
        )
        lengths = self._lengths[chosen]
        num_starts = np.maximum(lengths - self._crop_samples, 0) + 1
        low_db, high_db = self._augmentation.gain_low_db, self._augmentation.gain_high_db
        signs = np.where(self._augmentation.is_polarity_random & (polarity[mine] < 0.5), -1.0, 1.0)
        return CropPositions(
            starts=self._offsets[chosen] + (offsets[mine] * num_starts).astype(np.int64),
            lengths=np.minimum(lengths, self._crop_samples),
            speakers=self._speakers[chosen],
            gains_db=(low_db + loudness[mine] * (high_db - low_db)).astype(np.float32),
            signs=signs.astype(np.float32),
        )

    def batch_samples(self, step: int, batch_size: int) -> int:
        """Return the length of each crop of this step, the same in all processes.

        It is that of a whole crop, or less in a short bucket.
        """
        if self._bucket_samples is None:
            return self._crop_samples
        longest = int(self._lengths[self.utterances_at(step, batch_size)].max())
        return min(self._crop_samples, -(-longest // self._bucket_samples) * self._bucket_samples)

    def _order(self, epoch: int, batch_size: int) -> np.ndarray:
        key = (epoch, 0 if self._bucket_samples is None else batch_size)
        order = self._orders.get(key)
        if order is None:
            order = np.argsort(uniform_draws(self._seed, ORDER_STREAM, epoch, self.num_crops), kind="stable")
            if self._bucket_samples is not None:
                kept_samples = np.minimum(self._lengths[self._owners[order]], self._crop_samples)
                draws = uniform_draws(self._seed, BATCH_STREAM, epoch, self.num_crops // batch_size)
                buckets = -(-kept_samples // self._bucket_samples)
                order = bucketed_order(order, buckets, draws, -epoch * self.num_crops % batch_size, batch_size)
            # Threads that prefetch straddle two epochs at most; a whole new dictionary needs no lock.
            kept = {old: self._orders[old] for old in list(self._orders)[-1:] if old in self._orders}
            self._orders = {**kept, key: order}
        return order


def uniform_draws(seed: int, stream: int, index: int, count: int) -> np.ndarray:
    """Draw `count` float64 in [0, 1), a pure function of the arguments.

    Raw bits, not Generator methods: numpy promises the same bits in every version, but not the same draws.
    """
    key = np.array([seed % 2**64, stream], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    bits = np.random.Philox(key=key, counter=counter).random_raw(count)
    return (bits >> np.uint64(11)) * 2.0**-53
