"""Train a prior: a language model of the codes of a token store.

    python recipes/train_prior.py recipes/prior_tiny.yaml data.tokens=TOKENS out=runs/prior-tiny
    python recipes/train_prior.py recipes/prior_units.yaml data.tokens=TOKENS out=runs/prior-units
    torchrun --nproc-per-node 8 recipes/train_prior.py recipes/prior_units.yaml data.tokens=TOKENS out=runs/prior-units

TOKENS is what `vqaudio tokenize --metadata metadata.csv` wrote: with speakers, who are held out whole.  The same
command again continues where the last checkpoint was written.  The prior with the fewest bits on the held-out speakers
lies in OUT/prior, ready for `vqaudio sample --prior OUT/prior --out DIR`; OUT/held_out.json compares it with n-grams.
"""

import itertools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from run import RunConfig, main, open_logbook, restore, run_steps
from torch import Tensor

from vqaudio.core.config import renamed_from, to_mapping
from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import NetworkConfig, SequenceConfig
from vqaudio.prior.corpus import CodeCorpus, read_codes
from vqaudio.prior.model import Prior
from vqaudio.prior.ngrams import fit_ngrams
from vqaudio.prior.packing import PackedDocuments
from vqaudio.prior.saving import save_prior
from vqaudio.prior.scoring import Bits, log2_probabilities, symbols_of
from vqaudio.tokens.store import TokenStore
from vqaudio.training.averaging import WeightAverage
from vqaudio.training.checkpoints import Part, load_checkpoint, restore_run, run_tensors, save_checkpoint
from vqaudio.training.launch import Launch
from vqaudio.training.learner import Learner, OptimizerConfig
from vqaudio.training.logbook import Logbook

FLOORS = {"unigram": 1, "bigram": 2, "trigram": 3}


@dataclass(frozen=True)
class DataConfig:
    """Which codes, and whose are held out.

    tokens: a token store.  validation: the share of speakers on which the prior is measured and the best one chosen.
    second, part: a further share of speakers, left out by part=train and the only ones that part=second trains on:
    for a second prior that judges what the first one says.
    speaker_dropout: of documents with a speaker's token, the share in which it is `<|unk|>`.
    noise: the share of tokens that are read wrongly in training, as another token of the same batch.
    """

    tokens: str = ""
    validation: float = 0.08
    second: float = 0.0
    part: Literal["train", "second"] = "train"
    speaker_dropout: float = field(default=0.1, metadata=renamed_from("hidden_speakers"))
    noise: float = 0.0


@dataclass(frozen=True)
class RecipeConfig(RunConfig):
    """One run; see `RunConfig` too.

    batch_size: sequences of all processes together.
    average_decay: of the moving average of the weights, which is what is saved.
    sequence, network, data, optimizer: see the sections.
    is_half: the prior's weights are written as float16.  smoothing: of the targets, spread over all symbols.
    """

    script: str = "train_prior"
    out: str = "runs/prior"
    num_steps: int = 2_000
    batch_size: int = 16
    average_decay: float = 0.99
    smoothing: float = 0.0
    is_half: bool = False
    eval_every: int = 200
    save_every: int = 200
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(
            learning_rate=2e-3, betas=(0.9, 0.98), weight_decay=0.1, warmup_steps=100, max_gradient_norm=1.0
        )
    )


class PriorTraining:
    """All that changes while a prior is trained: network, optimiser, average, step, the best score so far."""

    def __init__(self, config: RecipeConfig, corpus: CodeCorpus, launch: Launch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.launch, self.step, self.best = config, launch, 0, math.inf
        self.prior = Prior(config.network, corpus.language)
        self.learner = Learner(self.prior, config.optimizer, num_steps=config.num_steps, launch=launch)
        self.average = WeightAverage(self.prior, decay=config.average_decay)
        self.parts: dict[str, Part] = {"prior": self.prior, "optimizer": self.learner.optimizer}
        self.parts["average"] = self.average.tensors
        torch.manual_seed(config.seed + 1 + launch.rank)  # what all processes must draw alike, the first one draws

    def train_step(self, tokens: Tensor, documents: Tensor) -> Tensor:
        """One step on this process's tokens and document numbers `b n + 1`.  Returns bits per symbol."""
        self.prior.train()
        self.learner.begin(self.step)
        targets = symbols_of(self.prior, tokens[:, 1:])
        with self.launch.autocast(self.config.precision):
            logits = self.prior(self._with_noise(tokens[:, :-1]), documents[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=self.config.smoothing)
        loss.backward()
        self.learner.finish()
        self.step += 1
        self.average.update(self.prior, self.step)
        return loss.detach() / math.log(2)

    def evaluate(self, corpus: CodeCorpus) -> Bits:
        """The held-out documents under the averaged weights."""
        with self.average.applied(self.prior), self.launch.autocast(self.config.precision):
            return corpus.bits(log2_probabilities(self.prior, corpus.held_out))

    @property
    def figures(self) -> dict[str, float]:
        """See `Learner.figures`."""
        return self.learner.figures

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        facts = {"step": self.step, "best": self.best, "config": to_mapping(self.config)}
        save_checkpoint(path, run_tensors(self.parts), facts)

    def restore(self, path: Path) -> None:
        """Continues from what `save` wrote.  Raises VqaudioError if that run had another network or other codes."""
        tensors, facts = load_checkpoint(path)
        for section in ("network", "sequence"):
            before, now = (dict(one[section], dropout=None) for one in (facts["config"], to_mapping(self.config)))
            if before != now:  # dropout may change on the way
                raise VqaudioError(
                    f"{path} holds a prior with another {section}; choose another out=DIR or delete that folder"
                )
        restore_run(self.parts, tensors)
        self.step, self.best = facts["step"], facts["best"]

    def save_prior(self, folder: Path, bits: Bits) -> None:
        """Writes the prior with averaged weights, as users open it."""
        facts = {"step": self.step, "held_out_bits_per_second": bits.per_second, "data": to_mapping(self.config.data)}
        facts["data"].pop("tokens")  # a path of this machine
        with self.average.applied(self.prior):
            save_prior(self.prior, folder, is_half=self.config.is_half, facts=facts)

    def _with_noise(self, tokens: Tensor) -> Tensor:
        """Some units as others of the batch, durations as durations: the network learns not to trust every one."""
        if not self.config.data.noise:
            return tokens
        is_unit = tokens < self.prior.language.vocabulary.num_units
        others = tokens.flatten()[torch.randperm(tokens.numel(), device=tokens.device)].view_as(tokens)
        is_noisy = (torch.rand(tokens.shape, device=tokens.device) < self.config.data.noise) & is_unit
        if (language := self.prior.language).has_durations:
            is_noisy &= (tokens < language.stamp.codebook_size) == (others < language.stamp.codebook_size)
        return torch.where(is_noisy & (others < self.prior.language.vocabulary.num_units), others, tokens)


def train(config: RecipeConfig, launch: Launch) -> PriorTraining:
    """Train from the last checkpoint in config.out, or from the start, to the end."""
    corpus = open_corpus(config)
    training = PriorTraining(config, corpus, launch)
    restore(training, config.out)
    packed = PackedDocuments(
        corpus.language,
        corpus.train,
        context_tokens=config.network.context_tokens,
        seed=config.seed,
        speaker_dropout=config.data.speaker_dropout,
    )
    share = (config.batch_size, launch.rank, launch.world_size)

    def train_step(batch: tuple[np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        tokens, documents = (torch.from_numpy(array).to(launch.device) for array in batch)
        return {"bits_per_code": training.train_step(tokens, documents)}

    logbook = open_logbook(training, config, launch)
    with logbook:
        floors = corpus_floors(corpus) if launch.is_main else {}
        logbook.report(training.step, "start", start_figures(training, corpus, packed) | floors)
        run_steps(
            training,
            config,
            launch,
            logbook,
            (packed.batch(step, *share) for step in itertools.count(training.step)),
            train_step,
            evaluate=lambda: report_held_out(training, corpus, floors, logbook),
        )
    return training


def open_corpus(config: RecipeConfig) -> CodeCorpus:
    """The documents to train on and those held out."""
    data = config.data
    if not data.tokens:
        raise VqaudioError("the recipe names no codes; add data.tokens=TOKENS")
    store = TokenStore.open(data.tokens)
    return read_codes(store, config.sequence, validation=data.validation, second=data.second, part=data.part)


def corpus_floors(corpus: CodeCorpus) -> dict[str, float]:
    """Bits per second of n-gram models on the held-out documents, by their names."""
    train, held_out = corpus.symbols(corpus.train), corpus.symbols(corpus.held_out)
    floors = {}
    for name, order in FLOORS.items():
        model = fit_ngrams(train, corpus.language.num_symbols, order)
        floors[name] = corpus.bits([model.log2_probabilities(one) for one in held_out]).per_second
    return floors


def start_figures(training: PriorTraining, corpus: CodeCorpus, packed: PackedDocuments) -> dict[str, float | str]:
    """What the run is about."""
    return {
        "documents": len(corpus.train),
        "held_out_documents": len(corpus.held_out),
        "held_out_speakers": corpus.num_held_out_speakers,
        "tokens": packed.num_tokens,
        "steps_per_epoch": packed.num_sequences / training.config.batch_size,
        "parameters": training.prior.num_parameters,
        "device": str(training.launch.device),
    }


def report_held_out(training: PriorTraining, corpus: CodeCorpus, floors: dict[str, float], logbook: Logbook) -> None:
    """Measures the prior, and keeps it if it is the best so far."""
    bits = training.evaluate(corpus)
    is_best, out = bits.per_second < training.best, Path(training.config.out)
    training.best = min(training.best, bits.per_second)
    if not training.launch.is_main:
        return
    under = 1 - bits.per_second / floors["trigram"]
    figures = {"bits_per_second": bits.per_second, "bits_per_code": bits.per_code, "under_trigram": under}
    logbook.report(training.step, "eval", {**figures, "best": training.best})
    if is_best:
        training.save_prior(out / "prior", bits)
        rate = bits.num_codes / bits.seconds
        rows = {"prior": bits.per_second, **floors}
        told = {name: {"bits_per_second": value, "bits_per_code": value / rate} for name, value in rows.items()}
        told |= {"step": training.step, "codes": bits.num_codes, "seconds": bits.seconds, "under_trigram": under}
        replace_durably(out / "held_out.json", lambda path: path.write_text(json.dumps(told, indent=2) + "\n"))


if __name__ == "__main__":
    main(__doc__, RecipeConfig, train, "train_prior")
