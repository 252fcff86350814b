"""The dataset of training crops of a corpus, which resumes at any step and is shared between processes."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vqaudio.audio.samples import from_int16
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import UNKNOWN_SPEAKER, Augmentation, CropPositions, CropSampler
from vqaudio.corpora.decoding import corpus_lengths, decode_corpus, decode_stretch
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.mixing import BackgroundMixer, NoiseConfig
from vqaudio.corpora.prefetch import Prefetcher


class CropDataset:
    """A dataset of crops of equal length from a corpus.

    crop_samples, sample_rate_hz: of the crops; files of another rate are resampled, channels averaged.
    cache: True decodes everything once into memory as int16 (115 MB an hour at 16 kHz);
        False seeks in the files and decodes the crops alone.
    workers: threads that decode.  augmentation: gain and polarity, none by default.
    bucket_samples: puts crops of about one length into a batch, which is then no longer than they need, rounded up to
        a multiple of it; None, the default, pads every short utterance to a whole crop.  See CropSampler.
    Raises VqaudioError for an empty corpus or an utterance that cannot be read, naming it.

    To cut crops on a GPU, put `samples` there once and index it with `crop_positions`:
    crop i is `samples[starts[i] : starts[i] + n] / 32768 * scales[i]`, zeroed from `lengths[i]` on, with
    n = `batch_samples(step, batch_size)`, which is `crop_samples` without buckets.
    """

    def __init__(
        self,
        utterances: Iterable[Utterance],
        *,
        crop_samples: int,
        sample_rate_hz: int,
        seed: int,
        cache: bool = True,
        workers: int = 1,
        augmentation: Augmentation | None = None,
        bucket_samples: int | None = None,
        noise: NoiseConfig | None = None,
    ) -> None:
        self._mixer = BackgroundMixer(noise, sample_rate_hz, seed) if noise is not None and noise.root else None
        self.utterances = tuple(utterances)
        if not self.utterances:
            raise VqaudioError("a CropDataset needs at least one utterance, got none; check the corpus and its split")
        self.crop_samples, self.sample_rate_hz, self._workers = crop_samples, sample_rate_hz, max(1, workers)
        speakers = [utterance.speaker for utterance in self.utterances]
        self.speakers = tuple(sorted({speaker for speaker in speakers if speaker is not None}))
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="crops")  # starts its threads when used
        self._samples: np.ndarray | None = None
        if cache:
            self._samples, self.lengths = decode_corpus(
                self.utterances, sample_rate_hz, workers=self._workers, padding_samples=crop_samples
            )
        else:
            self.lengths = corpus_lengths(self.utterances, sample_rate_hz, workers=self._workers)
        number = {name: index for index, name in enumerate(self.speakers)}
        self._sampler = CropSampler(
            self.lengths,
            np.array([UNKNOWN_SPEAKER if speaker is None else number[speaker] for speaker in speakers]),
            crop_samples=crop_samples,
            seed=seed,
            augmentation=augmentation or Augmentation(),
            bucket_samples=bucket_samples,
        )

    @property
    def samples(self) -> np.ndarray:
        """`n` int16: the corpus end to end, then `crop_samples` zeros, so that no crop runs over the end.

        Raises VqaudioError without cache.
        """
        if self._samples is None:
            raise VqaudioError("this CropDataset keeps no samples in memory; make it with cache=True")
        return self._samples

    @property
    def offsets(self) -> np.ndarray:
        """`u` int64: where each utterance starts in `samples`."""
        return self._sampler.offsets

    @property
    def hours(self) -> float:
        """Hours of speech in the corpus."""
        return float(self.lengths.sum()) / self.sample_rate_hz / 3600

    @property
    def crops_per_epoch(self) -> int:
        """Crops in one epoch, which visit every utterance in proportion to its length."""
        return self._sampler.num_crops

    def crop_positions(self, step: int, batch_size: int, rank: int = 0, world_size: int = 1) -> CropPositions:
        """Return where this process's crops of one step lie in `samples`; batch_size is that of all processes."""
        return self._sampler.positions(step, batch_size, rank, world_size)

    def batch_samples(self, step: int, batch_size: int) -> int:
        """Return the length of each crop of one step, the same in all processes."""
        return self._sampler.batch_samples(step, batch_size)

    def batch(self, step: int, batch_size: int, rank: int = 0, world_size: int = 1) -> dict[str, np.ndarray]:
        """Make this process's share of one training batch; the same call always gives the same batch.

        batch_size: crops over all processes; this one takes `b = batch_size / world_size` of them.
        Returns audio `b 1 n` float32, clean, the same without backgrounds, lengths `b` int64 (zeros follow), speaker
        `b` int64 (an index into `speakers`, -1 for unknown).  Raises VqaudioError if it cannot be shared equally.
        """
        positions = self.crop_positions(step, batch_size, rank, world_size)
        num_samples = self.batch_samples(step, batch_size)
        make = self._decode if self._samples is None else self._cut
        crops = make(positions.starts, num_samples)
        is_past = np.arange(num_samples) >= positions.lengths[:, None]  # the next utterance begins there
        crops[is_past] = 0.0
        audio = clean = crops * positions.scales[:, None]
        if self._mixer is not None:
            audio = self._mixer.mix(audio, step, batch_size, rank * len(audio))
            audio[is_past] = 0.0
        arrays = {"audio": audio[:, None, :], "clean": clean[:, None, :]}
        return {**arrays, "lengths": positions.lengths, "speaker": positions.speakers}

    def prefetch(
        self, start_step: int, batch_size: int, rank: int = 0, world_size: int = 1, depth: int = 4
    ) -> Prefetcher:
        """Iterate over endless batches from `start_step` on, made in `workers` threads, at most `depth` ahead."""
        return Prefetcher(
            lambda step: self.batch(step, batch_size, rank, world_size), start_step, workers=self._workers, depth=depth
        )

    def _cut(self, starts: np.ndarray, num_samples: int) -> np.ndarray:
        indices = starts[:, None] + np.arange(num_samples)
        return from_int16(self.samples[indices])

    def _decode(self, starts: np.ndarray, num_samples: int) -> np.ndarray:
        owners = np.searchsorted(self.offsets, starts, side="right") - 1

        def decode_crop(crop: int) -> np.ndarray:
            owner = int(owners[crop])
            start = int(starts[crop] - self.offsets[owner])
            return decode_stretch(self.utterances[owner], self.sample_rate_hz, start, num_samples)

        return np.stack(list(self._pool.map(decode_crop, range(len(starts)))))
