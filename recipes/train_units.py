"""Teach the encoder of a units codec to hear phone-like clusters, without labels.

    python recipes/train_units.py recipes/units_16k_encoder.yaml data.root=DIR out=runs/units-16k-first
    python recipes/train_units.py recipes/units_16k_encoder.yaml data.root=DIR start_from=runs/units-16k-first/codec \\
        out=runs/units-16k-encoder

The same command again continues where the last checkpoint was written.  `key=value` overrides any line of the YAML.
Classes are found in a part of the corpus (vqaudio/training/units/discovery.py): clusters of spectra, or with start_from
those of the latents of an earlier run, which this one continues; and pauses.  Every code of the codebook stands for a
class: it follows, by EMA, the latents of the frames of this class, and the encoder learns to bring a frame next to the
code of its class and away from the others, from features that were corrupted.  OUT/codec then tokenizes; its decoder is
fresh:
    python recipes/train_codec.py recipes/units_16k.yaml data.root=DIR start_from=OUT/codec out=runs/units-16k
Source: classes as the means of their latents, Snell et al. 2017, arXiv:1703.05175.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from run import CHECKPOINT, RunConfig, main, open_logbook, restore, run_crops
from torch import Tensor, nn

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.config import to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crop_data import DataConfig, open_crops
from vqaudio.corpora.dataset import CropDataset
from vqaudio.nn.stem import StemOutput
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.search import count_codes, sum_by_code
from vqaudio.training.averaging import WeightAverage
from vqaudio.training.batches import on_device
from vqaudio.training.checkpoints import Part, restore_codec_run, run_tensors, save_checkpoint
from vqaudio.training.health import health_report
from vqaudio.training.launch import Launch
from vqaudio.training.learner import Learner, OptimizerConfig
from vqaudio.training.units.corruption import Corruption, corrupted
from vqaudio.training.units.discovery import PhoneClusters
from vqaudio.training.units.frame_features import LatentFeatures, SpectralFeatures, cluster_centres
from vqaudio.training.units.teacher import Teacher, TeacherConfig

CLASSES = ("clusters", "codes")


@dataclass(frozen=True)
class UnitsConfig(RunConfig):
    """One run; see `RunConfig` too.

    start_from: a codec whose encoder learns on, from clusters of its latents; empty for clusters of spectra.
    classes: `clusters`, or `codes` of start_from as a teacher gives them: the codebook stays, and clean speech decides
    what speech in noise is to be heard as.  teacher: see the section.
    average_decay: of the moving average of the weights, which is what is saved.  batch_size: crops of a step.
    corruption, codec, data, optimizer: see the sections.
    num_discovery_crops: clusters are looked for in so many.
    num_pause_codes: the last ones; while the encoder learns, the first of them is that of all pauses.
    num_codebook_steps: batches of which the codebook takes the means of the classes once the encoder is done.
    """

    start_from: str = ""
    classes: str = "clusters"
    script: str = "train_units"
    out: str = "runs/units-encoder"
    num_steps: int = 3_000
    batch_size: int = 8
    num_discovery_crops: int = 900
    num_pause_codes: int = 12
    num_codebook_steps: int = 300
    average_decay: float = 0.998
    save_every: int = 250
    corruption: Corruption = field(default_factory=Corruption)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    codec: CodecConfig = field(default_factory=CodecConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class Hearing(nn.Module):
    """An encoder, and how sharply the distance of a latent to the codes tells its class."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.log_inverse_temperature = nn.Parameter(torch.tensor(-math.log(width)))


class UnitsTraining:
    """All that changes while the encoder learns."""

    def __init__(self, config: UnitsConfig, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step = config, launch, 0
        self.codec = build_codec(config.codec)
        self.encoder = self.codec.encoder
        stem, quantizer = self.encoder.stem, self.codec.quantizer
        if stem is None:
            raise VqaudioError("clusters are looked for in the features of a stem; set codec.encoder.stem_window")
        if not isinstance(quantizer, EmaQuantizer):
            raise VqaudioError(
                f"codes follow their classes by EMA, got codec.quantizer.kind={config.codec.quantizer.kind}"
            )
        self.stem, self.quantizer = stem, quantizer.to(launch.device)
        self.pause = quantizer.codebook_size - config.num_pause_codes  # the class of pauses, and their first code
        self.clusters = self._find_classes().to(launch.device)
        self.hearing = Hearing(self.encoder, config.codec.latent_width)
        self.learner = Learner(self.hearing, config.optimizer, num_steps=config.num_steps, launch=launch)
        self.average = WeightAverage(self.hearing, decay=config.average_decay)
        self.parts: dict[str, Part] = {"hearing": self.hearing, "optimizer": self.learner.optimizer}
        self.parts |= {"clusters": self.clusters, "quantizer": quantizer, "average": self.average.tensors}
        torch.manual_seed(config.seed + 1 + launch.rank)

    def _find_classes(self) -> PhoneClusters | Teacher:
        """Make what says of which class a frame is."""
        config, stride = self.config, self.encoder.body.stride
        if config.classes not in CLASSES or (config.classes == "codes" and not config.start_from):
            raise VqaudioError(
                f"classes must be one of {', '.join(CLASSES)}, the second of a codec that start_from names, "
                f"got {config.classes!r} with start_from={config.start_from!r}"
            )
        if not config.start_from:
            self._forget_codes()
            return PhoneClusters(self.pause, SpectralFeatures(stride), stride=stride)
        start = open_codec(config.start_from, device=str(self.launch.device))
        quantizer = self._continue_from(start)
        if config.classes == "codes":
            self.quantizer.load_state_dict(quantizer.state_dict())
            return Teacher(start.encoder, quantizer, config.teacher)
        self._forget_codes()
        return PhoneClusters(self.pause, LatentFeatures(start.encoder, quantizer), stride=stride)

    def _continue_from(self, start: Codec) -> EmaQuantizer:
        """Continues from the encoder of an earlier run.  Returns its quantizer."""
        if to_mapping(start.config.encoder) != to_mapping(self.config.codec.encoder):
            raise VqaudioError(
                f"start_from={self.config.start_from} has an encoder of another shape than codec.encoder"
            )
        if not isinstance(start.quantizer, EmaQuantizer):
            raise VqaudioError(f"start_from={self.config.start_from} was not made by this recipe: no EMA codebook")
        self.encoder.load_state_dict(start.encoder.state_dict())
        return start.quantizer

    def _forget_codes(self) -> None:
        """An empty codebook: the mean of what it is given from here on."""
        codebook = self.quantizer.codebook
        for tensor in (codebook.counts, codebook.sums):
            tensor.zero_()
        codebook.is_started.fill_(True)

    def discover(self, dataset: CropDataset) -> None:
        """Finds the clusters; every process finds the same ones.  Raises VqaudioError for too few pauses."""
        if isinstance(self.clusters, Teacher):
            return
        heard: list[StemOutput] = []
        for start in range(0, self.config.num_discovery_crops, self.config.batch_size):
            batch = dataset.batch(start // self.config.batch_size, self.config.batch_size)
            audio, lengths = torch.from_numpy(batch["clean"]).to(self.launch.device), batch["lengths"].tolist()
            heard += [
                self.heard(one[None, :, :num])
                for one, num in zip(audio, lengths, strict=True)
                if num >= self.encoder.hop
            ]
        self.clusters.fit(heard, seed=self.config.seed)
        num_pauses, wanted = (
            sum(int((self.clusters(one) == self.pause).sum()) for one in heard),
            self.config.num_pause_codes,
        )
        if 1 < wanted > num_pauses:
            raise VqaudioError(f"{num_pauses} frames of pauses are too few for num_pause_codes={wanted}; set it to 1")

    @torch.no_grad()
    def heard(self, audio: Tensor) -> StemOutput:
        """audio: `b 1 n`.  Returns what the stem hears of whole frames."""
        hop = self.encoder.hop
        return self.stem(audio[..., : audio.shape[-1] // hop * hop])

    def classes(self, heard: StemOutput, lengths: Tensor | None) -> Tensor:
        """The classes of all frames whose lookahead is there, `b t`; -1 for those that are not real."""
        wanted = self.clusters(heard, None if lengths is None else lengths // self.stem.stride)
        if lengths is not None:
            is_real = torch.arange(wanted.shape[1], device=wanted.device) < lengths[:, None] // self.encoder.hop
            wanted = wanted.where(is_real, -1)
        return wanted[:, : wanted.shape[1] - self.encoder.lookahead_frames]

    def teach(self, features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """features: `b m t`, wanted: classes `b t/stride`.  Moves the codes of the classes towards their latents.

        Returns latents `n d` and classes `n` of the frames that are real.
        """
        with self.launch.autocast(self.config.precision):
            latents = self.encoder.vectors_of(features).transpose(1, 2)
        latents, classes = latents[wanted >= 0].float(), wanted[wanted >= 0]
        frames, size = latents.detach(), self.quantizer.codebook_size
        self.quantizer.codebook.update(frames, count_codes(classes, size), sum_by_code(frames, classes, size))
        return latents, classes

    def loss(self, audio: Tensor, clean: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """Cross entropy in nats and accuracy over frames whose lookahead is in the crop."""
        wanted = self.classes(self.heard(clean), lengths)
        latents, classes = self.teach(corrupted(self.heard(audio).features, self.config.corruption), wanted)
        scores = self.hearing.log_inverse_temperature.exp() * self.quantizer.logits(latents)
        is_right = scores.argmax(dim=-1) == classes
        return {"cross_entropy": F.cross_entropy(scores, classes), "accuracy": is_right.float().mean()}

    def train_step(self, audio: Tensor, clean: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """One step on this process's audio `b 1 n`, in which the classes are those of clean."""
        self.learner.begin(self.step)
        losses = self.loss(audio, clean, lengths)
        losses["cross_entropy"].backward()
        self.learner.finish()
        self.step += 1
        self.average.update(self.hearing, self.step)
        return {name: value.detach() for name, value in losses.items()}

    @torch.no_grad()
    def reestimate_codebook(self, dataset: CropDataset) -> dict[str, list[float]]:
        """Puts every code on the mean of its class, as the averaged encoder hears it.  Returns how classes are used.

        Pauses are many things, from hiss to breath: their codes go to the centres of their clusters.
        """
        is_cluster = isinstance(self.clusters, PhoneClusters)
        if is_cluster:
            self._forget_codes()
        self.quantizer.reset_statistics()
        share = (self.config.batch_size, self.launch.rank, self.launch.world_size)
        pauses: list[Tensor] = []
        with self.average.applied(self.hearing), dataset.prefetch(0, *share) as batches:
            for _, batch in zip(range(self.config.num_codebook_steps), batches):  # noqa: B905
                _, _, lengths = on_device(batch, self.launch.device, None)
                heard = self.heard(torch.from_numpy(batch["clean"]).to(self.launch.device))
                latents, classes = self.teach(heard.features, self.classes(heard, lengths))
                pauses.append(latents[classes == self.pause])
        if is_cluster:
            self._spread_pauses(torch.cat(pauses))
        return health_report(self.quantizer)[0]

    def _spread_pauses(self, latents: Tensor) -> None:
        """Shares the code of pauses out to the clusters of latents `n d`; with one code it stays their mean."""
        codebook, number, first = self.quantizer.codebook, self.config.num_pause_codes, self.pause
        if number == 1 or len(latents) == 0:
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            centres = cluster_centres(latents, number)
        codebook.counts[first:] = codebook.counts[first] / number
        codebook.sums[first:] = centres * codebook.counts[first:, None]

    @property
    def figures(self) -> dict[str, float]:
        """See `Learner.figures`."""
        return self.learner.figures

    def save(self, path: Path) -> None:
        """Write everything that the next step depends on."""
        save_checkpoint(path, run_tensors(self.parts), {"step": self.step, "config": to_mapping(self.config)})

    def save_codec(self, folder: Path) -> None:
        """Write the codec with the averaged encoder."""
        with self.average.applied(self.hearing):
            save_codec(self.codec, folder)

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another codec."""
        self.step = restore_codec_run(path, self.parts, self.config.codec)


def train(config: UnitsConfig, launch: Launch) -> UnitsTraining:
    """Train from the last checkpoint in config.out, or from the start, to the end."""
    out = Path(config.out)
    dataset = open_crops(config.data, config.codec.sample_rate_hz, seed=config.seed)
    training = UnitsTraining(config, launch)
    if not restore(training, out):
        training.discover(dataset)
    logbook = open_logbook(training, config, launch)
    save_result = partial(training.save_codec, out / "codec")

    def train_step(batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
        audio, _, lengths = on_device(batch, launch.device, None)
        return training.train_step(audio, torch.from_numpy(batch["clean"]).to(launch.device), lengths)

    with logbook:
        run_crops(training, config, launch, logbook, dataset, train_step, save_result=save_result)
        logbook.report(training.step, "codebook", training.reestimate_codebook(dataset))
        if launch.is_main:
            training.save(out / CHECKPOINT)
            save_result()
    return training


if __name__ == "__main__":
    main(__doc__, UnitsConfig, train, "train_units")
