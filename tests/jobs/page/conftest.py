"""A page about a tokenizer of sixteen levels, with two recordings, an anchor, a training log and a probe."""

import dataclasses
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vqaudio.core.units import FrameGrid, Interval
from vqaudio.jobs.evaluate.reference_codecs import Rates
from vqaudio.jobs.evaluate.report import CodebookHealth, Report, Row
from vqaudio.jobs.page.document import Page
from vqaudio.jobs.page.listening import Listening, Utterance, Version
from vqaudio.jobs.page.probe_section import ProbeFindings, read_findings
from vqaudio.jobs.page.training_log import read_training_log
from vqaudio.jobs.probe.corpus import join_labels
from vqaudio.jobs.probe.pictures import TIMELINE, write_plots
from vqaudio.jobs.probe.probing import ProbeOptions, probe_corpus
from vqaudio.metrics.bootstrap import MeanScore
from vqaudio.probes.plots import code_timeline
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

RATE_HZ, HOP_SAMPLES = 16_000, 320
PHONES = ("AA", "S", "T<", "sil")


class LevelTokenizer:
    """Two codebooks of sixteen levels of each frame's first sample; one frame is 20 ms."""

    name, weights_sha256, config_sha256 = "levels & <more>", "ab" * 32, ""
    num_codebooks, codebook_size = 2, 16
    grid = FrameGrid(RATE_HZ, HOP_SAMPLES)

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Codes `b 2 t`."""
        codes = ((audio[..., ::HOP_SAMPLES] + 1) * 8).long().clamp(0, 15)
        return torch.cat([codes, 15 - codes], dim=1)[:, :num_codebooks]

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """The middle of the first codebook's level, held for a frame."""
        return ((audio_codes[:, :1] + 0.5) / 8 - 1).repeat_interleave(HOP_SAMPLES, dim=-1)[..., :length]


@pytest.fixture
def tokenizer() -> LevelTokenizer:
    return LevelTokenizer()


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `vqaudio probe` leaves of four utterances whose codes are their phones, four codes for each phone."""
    folder = tmp_path_factory.mktemp("probe")
    rng = np.random.default_rng(0)
    stamp = CodecStamp("levels", "ab" * 32, RATE_HZ, HOP_SAMPLES, 2, 16)
    lines = []
    with TokenWriter(folder / "tokens", stamp) as writer:
        for number in range(4):
            phones = np.cumsum(rng.integers(1, 4, 100)) % 4
            codes = np.repeat(4 * phones, 5) + rng.integers(0, 4, 500)
            seconds = 500 * HOP_SAMPLES / RATE_HZ
            both = np.stack([codes, codes[::-1]]).astype(np.uint16)
            writer.append(TokenRow(f"u{number}.wav", both, 500 * HOP_SAMPLES, RATE_HZ, seconds, f"s{number}"))
            lines += [f"u{number} 1 {place / 10} 0.1 {PHONES[phone]}" for place, phone in enumerate(phones)]
    (folder / "phones.ctm").write_text("\n".join(lines))
    store = TokenStore.open(folder / "tokens")
    corpus = join_labels(store, folder / "phones.ctm", labels="plain")
    report = probe_corpus(store, corpus, ProbeOptions(labels="plain", num_folds=2))
    out = folder / "out"
    out.mkdir()
    (out / "probe.json").write_text(json.dumps(report.to_json(), allow_nan=False))
    if importlib.util.find_spec("matplotlib"):
        write_plots(out, report, corpus, None)
        said = [Interval("AA", 0, 0.1), Interval("S", 0.1, 0.2)]
        code_timeline(rng.normal(size=3200), RATE_HZ, np.arange(10), 50.0, said).savefig(out / TIMELINE)
    return out


@pytest.fixture
def findings(probed: Path) -> ProbeFindings:
    """The same as a page takes it."""
    return read_findings(probed)


@pytest.fixture
def page(tokenizer: LevelTokenizer, tmp_path: Path, findings: ProbeFindings) -> Page:
    """Recordings of 1.5 s and 0.61 s, whose second one's last frame is not whole."""
    rng = np.random.default_rng(0)

    def utterance(name: str, num_samples: int) -> Utterance:
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(num_samples) / RATE_HZ).astype(np.float32)
        versions = tuple(
            Version(coder, setting, tone + rng.normal(0, 0.01, num_samples).astype(np.float32))
            for coder, setting in ((tokenizer.name, "1"), (tokenizer.name, "2"), ("opus", "6"))
        )
        codes = rng.integers(0, 16, -(-num_samples // HOP_SAMPLES))
        return Utterance(name, tone, versions, codes, text="What <b> said & meant")

    score = MeanScore(2.0, 1.9, 2.2, 2, 0, 0)
    gap = MeanScore(math.nan, math.nan, math.nan, 0, 0, 2)
    rows = [Row(tokenizer.name, k, Rates(nominal=0.2 * int(k)), {"pesq_wb": score, "mel_db": score}) for k in "12"]
    rows.append(Row("opus", "6", Rates(file=7.4), {"pesq_wb": score, "mel_db": score, "stoi": gap}))
    health = tuple(CodebookHealth(tokenizer.name, k, 0.8, 12.0, 3.6, 0.2, 1000) for k in range(2))
    report = Report(2, 2.11, RATE_HZ, tuple(rows), health, (), {"visqol": "the package visqol is not installed"})
    log = tmp_path / "log.jsonl"
    events = [{"step": step, "event": "train", "spectrum": 1 / step, "learning_rate": 0.1} for step in (50, 100, 150)]
    events.append({"step": 150, "event": "eval", "mel_1": 0.3})
    log.write_text("\n".join(map(json.dumps, events)) + '\n{"step": 200, "ev')
    heard = (utterance("sub/a & <i>.wav", 24_000), utterance('b "quoted".wav', 9_760))
    listening = Listening(heard, ({"id": "broken.wav", "coder": "", "reason": "it is <no> sound"},))
    return Page(tokenizer, listening, report, "Measured on 2 files.", read_training_log(log), findings)


@pytest.fixture
def bare(page: Page) -> Page:
    """The same page without a training log and without a probe."""
    return dataclasses.replace(page, training=None, probe=None)
