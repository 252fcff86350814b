"""Teach the encoder of a units codec to hear phone-like clusters, without labels.

    python recipes/train_units.py recipes/units_16k_encoder.yaml data.root=DIR out=runs/units-16k-encoder

The same command again continues where the last checkpoint was written.  `key=value` overrides any line of the YAML.
Clusters are found in a part of the corpus (vqaudio/training/discovery.py); the encoder then tells the cluster of every
frame from features that were corrupted.  Last the codebook follows the latents of the encoder, by EMA.  OUT/codec then
tokenizes; its decoder is still fresh:
    python recipes/train_codec.py recipes/units_16k.yaml data.root=DIR start_from=OUT/codec out=runs/units-16k
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.core.config import load_config, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crop_data import DataConfig, open_crops
from vqaudio.corpora.dataset import CropDataset
from vqaudio.training.averaging import WeightAverage
from vqaudio.training.batches import on_device
from vqaudio.training.checkpoints import Part, restore_codec_run, run_tensors, save_checkpoint
from vqaudio.training.corruption import Corruption, corrupted
from vqaudio.training.discovery import SpectralClusters
from vqaudio.training.health import health_report, peak_memory_mb
from vqaudio.training.launch import Launch, launched, mean_over_processes
from vqaudio.training.learner import Learner, OptimizerConfig
from vqaudio.training.logbook import Logbook


@dataclass(frozen=True)
class UnitsConfig:
    """One run.

    num_clusters, num_rounds: of the discovery, which looks at num_discovery_crops crops.
    num_codebook_steps: batches that the codebook sees once the encoder is done; it starts from the first of them.
    """

    out: str = "runs/units-encoder"
    seed: int = 0
    device: str = "auto"
    num_steps: int = 3_000
    batch_size: int = 8
    precision: str = "auto"
    num_clusters: int = 1024
    num_rounds: int = 4
    num_discovery_crops: int = 900
    num_codebook_steps: int = 500
    average_decay: float = 0.995
    log_every: int = 50
    save_every: int = 250
    corruption: Corruption = field(default_factory=Corruption)
    codec: CodecConfig = field(default_factory=CodecConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class Hearing(nn.Module):
    """An encoder, and a linear layer that tells the cluster of a frame from its latent vector."""

    def __init__(self, encoder: nn.Module, width: int, num_clusters: int) -> None:
        super().__init__()
        self.encoder, self.scores = encoder, nn.Linear(width, num_clusters)


class UnitsTraining:
    """All that changes while the encoder learns."""

    def __init__(self, config: UnitsConfig, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step = config, launch, 0
        self.codec = build_codec(config.codec)
        self.encoder = self.codec.encoder
        stem = self.encoder.stem
        if stem is None:
            raise VqaudioError("clusters are looked for in the features of a stem; set codec.encoder.stem_window")
        self.stem = stem
        self.hearing = Hearing(self.encoder, config.codec.latent_width, config.num_clusters)
        self.learner = Learner(self.hearing, config.optimizer, num_steps=config.num_steps, launch=launch)
        self.clusters = SpectralClusters(config.num_clusters, stride=self.encoder.body.stride).to(launch.device)
        self.average = WeightAverage(self.hearing, decay=config.average_decay)
        self.parts: dict[str, Part] = {"hearing": self.hearing, "optimizer": self.learner.optimizer}
        self.parts |= {"clusters": self.clusters, "average": self.average.tensors}
        torch.manual_seed(config.seed + 1 + launch.rank)

    def discover(self, dataset: CropDataset) -> None:
        """Finds the clusters; every process finds the same ones."""
        features: list[Tensor] = []
        for start in range(0, self.config.num_discovery_crops, self.config.batch_size):
            batch = dataset.batch(start // self.config.batch_size, self.config.batch_size)
            heard = self.features(torch.from_numpy(batch["audio"]).to(self.launch.device))
            steps = batch["lengths"] // self.stem.stride
            features += [one[:, :num] for one, num in zip(heard, steps, strict=True) if num > 1]
        self.clusters.fit(features, num_rounds=self.config.num_rounds, num_warped_rounds=2, seed=self.config.seed)

    @torch.no_grad()
    def features(self, audio: Tensor) -> Tensor:
        """audio: `b 1 n`.  Returns what the stem hears, `b m t`, of whole frames."""
        hop = self.encoder.hop
        return self.stem(audio[..., : audio.shape[-1] // hop * hop]).features

    def loss(self, audio: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """Cross entropy in nats and accuracy over frames whose lookahead is in the crop."""
        features = self.features(audio)
        wanted = self.clusters(features, None if lengths is None else lengths // self.stem.stride)
        if lengths is not None:
            is_real = torch.arange(wanted.shape[1], device=wanted.device) < lengths[:, None] // self.encoder.hop
            wanted = wanted.where(is_real, -1)
        with self.launch.autocast(self.config.precision):
            latents = self.encoder.vectors_of(corrupted(features, self.config.corruption))
            scores = self.hearing.scores(latents.transpose(1, 2))
        wanted = wanted[:, : scores.shape[1]]
        nats = F.cross_entropy(scores.float().flatten(0, 1), wanted.flatten(), ignore_index=-1)
        is_right = (scores.argmax(dim=-1) == wanted)[wanted >= 0]
        return {"cross_entropy": nats, "accuracy": is_right.float().mean()}

    def train_step(self, audio: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """One step on this process's audio `b 1 n`."""
        self.learner.begin(self.step)
        losses = self.loss(audio, lengths)
        losses["cross_entropy"].backward()
        self.learner.finish()
        self.step += 1
        self.average.update(self.hearing, self.step)
        return {name: value.detach() for name, value in losses.items()}

    @torch.no_grad()
    def settle_codebook(self, dataset: CropDataset) -> dict[str, list[float]]:
        """Moves the codebook by EMA to the latents of the averaged encoder.  Returns how it is used."""
        quantizer, launch = self.codec.quantizer, self.launch
        self.codec.train()
        torch.manual_seed(self.config.seed)
        share = (self.config.batch_size, launch.rank, launch.world_size)
        with self.average.applied(self.hearing), dataset.prefetch(0, *share) as batches:
            for _, batch in zip(range(self.config.num_codebook_steps), batches):  # noqa: B905
                audio, _, lengths = on_device(batch, launch.device, None)
                latents = self.encoder.vectors_of(self.features(audio)).transpose(1, 2)
                at = torch.arange(latents.shape[1], device=latents.device)
                quantizer(latents, None if lengths is None else at < lengths[:, None] // self.encoder.hop)
        return health_report(quantizer)[0]

    def save(self, out: Path) -> None:
        """Writes everything that the next step depends on, and the codec with the averaged encoder."""
        facts = {"step": self.step, "config": to_mapping(self.config)}
        save_checkpoint(out / "checkpoint.safetensors", run_tensors(self.parts), facts)
        with self.average.applied(self.hearing):
            self.codec.save(out / "codec")

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another codec."""
        self.step = restore_codec_run(path, self.parts, self.config.codec)


def train(config: UnitsConfig, launch: Launch) -> UnitsTraining:
    """Trains from the last checkpoint in config.out, or from the start, to the end."""
    out = Path(config.out)
    dataset = open_crops(config.data, config.codec.sample_rate_hz, seed=config.seed)
    training = UnitsTraining(config, launch)
    share = (config.batch_size, launch.rank, launch.world_size)
    checkpoint = out / "checkpoint.safetensors"
    if checkpoint.exists():
        training.restore(checkpoint)
    else:
        training.discover(dataset)
    logbook = Logbook(out, num_steps=config.num_steps, first_step=training.step, is_active=launch.is_main)
    with logbook, dataset.prefetch(training.step, *share) as batches:
        logbook.report(training.step, "start", {"hours": dataset.hours, "device": str(launch.device)})
        for batch in batches:
            if training.step >= config.num_steps:
                break
            audio, _, lengths = on_device(batch, launch.device, None)
            losses = training.train_step(audio, lengths)
            step = training.step
            logbook.advance(step)
            if step % config.log_every == 0:
                figures = {name: float(mean_over_processes(value)) for name, value in losses.items()}
                figures |= {"waiting": batches.share_waiting, "peak_memory_mb": peak_memory_mb(launch.device)}
                logbook.report(step, "train", {**figures, "skipped": training.learner.num_skipped})
            if launch.is_main and (step % config.save_every == 0 or step == config.num_steps):
                training.save(out)
        logbook.report(training.step, "codebook", training.settle_codebook(dataset))
        if launch.is_main:
            training.save(out)
    return training


def main(arguments: Sequence[str]) -> None:
    """Runs the recipe that the arguments name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(__doc__)
    config = load_config(arguments[0], UnitsConfig, arguments[1:])
    with launched(config.device) as launch:
        train(config, launch)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqaudioError as error:
        sys.exit(f"train_units: {error}")
