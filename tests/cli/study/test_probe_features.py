"""`vqaudio probe --features`: vectors of files beside the codes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.probes.items import read_items
from vqaudio.tokens.store import TokenStore

PROBES = ("abx", "linear", "leakage")
PHONES = ("AA1", "IY0", "S", "T")
NUM_UTTERANCES, NUM_SPEAKERS, NUM_PHONES = 12, 3, 30


@pytest.fixture(autouse=True)
def few_linear_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqaudio.probes.linear.MIN_STEPS", 40)


@pytest.fixture(scope="module")
def corpus(tiny_codec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`audio`: a tone for each phone, by three speakers; `phones.npz`: of each frame; `x.phones.ctm`; `tokens`."""
    folder = tmp_path_factory.mktemp("probe")
    lines, rows, phones_of = [], ["path,speaker"], {}
    for number in range(NUM_UTTERANCES):
        generator = np.random.default_rng(number)
        phones = np.cumsum(1 + generator.integers(0, len(PHONES) - 1, NUM_PHONES)) % len(PHONES)
        ends = np.cumsum(generator.integers(4, 8, NUM_PHONES))
        frames = np.repeat(phones, np.diff(ends, prepend=0))
        times_s = np.arange(len(frames) * 320) / 16_000
        tones = np.sin(2 * np.pi * 300 * (1 + np.repeat(frames, 320)) * (1 + 0.02 * (number % 3)) * times_s)
        path = folder / "audio" / f"s{number % NUM_SPEAKERS}" / f"u{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.2 * tones + 0.02 * generator.standard_normal(len(tones)), 16_000)
        rows.append(f"s{number % NUM_SPEAKERS}/u{number}.wav,s{number % NUM_SPEAKERS}")
        phones_of[f"u{number}"] = frames
        for phone, start, end in zip(phones, [0, *ends[:-1]], ends, strict=True):
            lines.append(f"u{number} 1 {start / 50:.3f} {(end - start) / 50:.3f} {PHONES[phone]}")
    (folder / "x.phones.ctm").write_text("\n".join(lines) + "\n")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    np.savez(folder / "phones.npz", **phones_of)
    flags = ["--out", str(folder / "tokens"), "--codec", str(tiny_codec), "--workers", "0", "--quiet"]
    assert main(["tokenize", str(folder / "audio"), "--metadata", str(folder / "metadata.csv"), *flags]) == 0
    return folder


def probe(corpus: Path, out: Path, *flags: str) -> tuple[int, dict]:
    labels = ["--alignments", str(corpus / "x.phones.ctm"), "--accept-few-frames", "--with", *PROBES]
    status = main(["probe", str(corpus / "tokens"), *labels, "--out", str(out), *flags])
    return status, json.loads((out / "probe.json").read_text()) if status == 0 else {}


@pytest.mark.parametrize("kind", ["encoder", "codebook"])
def test_features_of_the_codec_give_the_figures_of_the_codec(
    corpus: Path, tiny_codec: Path, tmp_path: Path, kind: str
) -> None:
    audio, features = ["--audio", str(corpus / "audio")], tmp_path / "features"
    options = ["--kind", kind, "--out", str(features), "--workers", "0", "--quiet"]
    assert main(["features", str(tiny_codec), *audio, *options]) == 0
    codec = ["--codec", str(tiny_codec), *audio, "--features", str(features)]
    status, found = probe(corpus, tmp_path / "out", *codec)
    assert status == 0
    name = {"encoder": "encoder outputs", "codebook": "codebook vectors"}[kind]
    for scores in (found[probe_name] for probe_name in PROBES):
        of_codec = {key: score for key, score in scores.items() if key.startswith(name)}
        of_files = {key.replace("features", name): score for key, score in scores.items() if "features" in key}
        assert of_codec == of_files != {}


def test_vectors_that_know_the_phones_say_so_and_shuffled_ones_do_not(corpus: Path, tmp_path: Path) -> None:
    generator, phones = np.random.default_rng(0), np.load(corpus / "phones.npz")
    figures = {}
    for kind in ("whole", "shuffled"):
        for row in TokenStore.open(corpus / "tokens"):
            frames = phones[Path(row.id).stem]
            vectors = np.eye(4, dtype=np.float32)[frames] + 0.1 * generator.random((len(frames), 4))
            order = generator.permutation(len(vectors)) if kind == "shuffled" else np.arange(len(vectors))
            path = (tmp_path / kind / row.id).with_suffix(".npy")
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, vectors[order].astype(np.float32))
        flags = ("--features", str(tmp_path / kind), "--feature-rate", "50")
        status, found = probe(corpus, tmp_path / f"{kind}-out", *flags)
        assert status == 0
        abx, linear = found["abx"]["features, across speakers"], found["linear"]["features, 1 frame"]
        figures[kind] = (abx["error"], linear["accuracy"])
    assert figures["whole"][0] < 0.05 < 0.4 < figures["shuffled"][0]
    assert figures["whole"][1] > 0.95 > 0.5 > figures["shuffled"][1]


def test_items_name_the_files_of_features(corpus: Path, tmp_path: Path) -> None:
    assert probe(corpus, tmp_path / "out")[0] == 0
    found = {item.file for item in read_items(tmp_path / "out" / "phones.item")}
    assert found == {f"s{number % NUM_SPEAKERS}/u{number}" for number in range(NUM_UTTERANCES)}


def test_features_that_are_missing_or_without_a_rate_are_told(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, sentence in (
        (("--features", str(tmp_path)), "--feature-rate"),
        (("--features", str(tmp_path), "--feature-rate", "50"), "there are no features of"),
        (("--feature-rate", "50"), "which is not given"),
    ):
        assert probe(corpus, tmp_path / "out", *flags)[0] == 1
        assert sentence in capsys.readouterr().err
