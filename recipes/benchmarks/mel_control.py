"""The floor that a trained codec must beat: log-mel, residual k-means, Griffin-Lim.  No network.

    python recipes/benchmarks/mel_control.py --train SPEECH --eval SPEECH --list eval_core.txt --out runs/mel-control
    vqaudio evaluate SPEECH --list eval_core.txt --codec speech-16k --control runs/mel-control

The folder then holds the fitted codebooks, the decodings and `decodings.json`; the second command scores them in the
same table as the codec.  Rates do not count the one gain per file that brings it to a fixed level and back.
"""

import argparse
import json
import random
import sys
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from vqaudio.audio.files import read_audio, write_audio
from vqaudio.cli.terminal.evaluation_table import print_report
from vqaudio.core.errors import VqaudioError
from vqaudio.core.mel import mel_filter_bank
from vqaudio.corpora.reading import read_corpus
from vqaudio.jobs.evaluate.evaluation import choose_sources, evaluate
from vqaudio.jobs.evaluate.reference_codecs import FOLDER_INDEX, FolderCodec
from vqaudio.jobs.sources import Source
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.residual import ResidualQuantizer

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES, HOP_SAMPLES, FINE_HOP_SAMPLES = 640, 320, 80
NUM_BANDS = 64
LEVEL_RMS = 0.8
MEL_FLOOR = 1e-3
NUM_CODEBOOKS, CODEBOOK_SIZE = 8, 1024
NUM_FIT_FRAMES = 80_000
FIT_ITERATIONS = 30
GRIFFIN_LIM_ITERATIONS = 60
KBPS_PER_CODEBOOK = 0.5
METRICS = ("pesq_wb", "stoi", "estoi", "mel_db", "mr_stft", "si_sdr_db", "f0_corr", "voicing_error")

Array = NDArray[np.float32]
BANK = mel_filter_bank(SAMPLE_RATE_HZ, WINDOW_SAMPLES // 2 + 1, NUM_BANDS, scale="slaney", norm="area")


def level_gain(samples: Array) -> float:
    """What brings a file to the fixed level; 1 for silence."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return LEVEL_RMS / rms if rms > 0 else 1.0


def analyse(samples: Array) -> Array:
    """Log-mel magnitudes `t 64` of samples `n` at the fixed level, t = 1 + n // 320."""
    spectrum = np.abs(librosa.stft(samples * level_gain(samples), n_fft=WINDOW_SAMPLES, hop_length=HOP_SAMPLES))
    return np.log(np.maximum(BANK @ spectrum, MEL_FLOOR)).T.astype(np.float32)


def synthesize(log_mel: Array, num_samples: int, gain: float) -> Array:
    """Samples `n` from log-mel `t 64`: pseudo-inverse, linear interpolation to hop 80, Griffin-Lim; the gain undone."""
    coarse = np.maximum(np.linalg.pinv(BANK) @ np.exp(log_mel.T), 0)
    at = np.arange(1 + num_samples // FINE_HOP_SAMPLES) * (FINE_HOP_SAMPLES / HOP_SAMPLES)
    fine = np.stack([np.interp(at, np.arange(coarse.shape[1]), row) for row in coarse]).astype(np.float32)
    samples = librosa.griffinlim(
        fine,
        n_iter=GRIFFIN_LIM_ITERATIONS,
        hop_length=FINE_HOP_SAMPLES,
        n_fft=WINDOW_SAMPLES,
        length=num_samples,
        random_state=0,
    )
    return (samples / gain).astype(np.float32)


def training_frames(root: Path, seed: int) -> Array:
    """80,000 log-mel frames `t 64` of randomly drawn training files: the split `train` of a manifest, or any folder."""
    has_manifest = root.is_file() or (root / "metadata.csv").is_file()
    corpus = read_corpus("manifest", root, split="train") if has_manifest else read_corpus("folder", root)
    random.Random(seed).shuffle(corpus)
    parts, total = [], 0
    for utterance in corpus:
        samples = read_audio(utterance.path, SAMPLE_RATE_HZ, utterance.start_s or 0.0, utterance.end_s)
        parts.append(analyse(samples))
        total += len(parts[-1])
        if total >= NUM_FIT_FRAMES:
            break
    if total < CODEBOOK_SIZE:
        raise VqaudioError(f"{root} has {total} frames of 20 ms; wanted {NUM_FIT_FRAMES} to fit {CODEBOOK_SIZE} means")
    print(f"fitting on {min(total, NUM_FIT_FRAMES)} frames of {len(parts)} files", file=sys.stderr)
    return np.concatenate(parts)[:NUM_FIT_FRAMES]


def fit_quantizer(frames: Array, seed: int) -> ResidualQuantizer:
    """Residual k-means on centred frames `t 64`: with decay 0, a step on all frames is one iteration of Lloyd's."""
    torch.manual_seed(seed)
    books = [EmaQuantizer(NUM_BANDS, CODEBOOK_SIZE, decay=0.0) for _ in range(NUM_CODEBOOKS)]
    quantizer = ResidualQuantizer(books).train()
    vectors = torch.from_numpy(frames)
    with torch.no_grad():
        for _ in range(FIT_ITERATIONS):
            quantizer(vectors)
    return quantizer.eval()


def decode_all(sources: list[Source], quantizer: ResidualQuantizer, mean: Array, out: Path) -> None:
    """Every file at 1, 2, 4 and 8 codebooks and unquantized, under `out`, with the index that `evaluate` reads."""
    rows = {str(k): k for k in (1, 2, 4, NUM_CODEBOOKS)}
    settings = {name: {"folder": name, "kbps": k * KBPS_PER_CODEBOOK} for name, k in rows.items()}
    settings["unquantized"] = {"folder": "unquantized", "kbps": None}
    for done, source in enumerate(sources, start=1):
        samples = read_audio(source.path, SAMPLE_RATE_HZ)
        log_mel, gain = analyse(samples), level_gain(samples)
        codes = quantizer.encode(torch.from_numpy(log_mel - mean))
        decoded = {name: quantizer.decode(codes[:, :k]).numpy() + mean for name, k in rows.items()}
        for name, vectors in {**decoded, "unquantized": log_mel}.items():
            path = (out / name / source.id).with_suffix(".wav")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, synthesize(vectors, len(samples), gain), SAMPLE_RATE_HZ)
        if done % 10 == 0 or done == len(sources):
            print(f"{done} of {len(sources)} files decoded", file=sys.stderr)
    (out / FOLDER_INDEX).write_text(json.dumps({"name": "mel control", "settings": settings}, indent=1) + "\n")


def main() -> None:
    """Fit, decode, score, and leave everything in one folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="manifest (its split train) or folder to fit on")
    parser.add_argument("--eval", type=Path, required=True, help="folder of files to decode")
    parser.add_argument("--list", type=Path, help="only these files of it, one path a line")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="scoring processes")
    args = parser.parse_args()
    sources = choose_sources(args.eval, args.list)
    frames = training_frames(args.train, args.seed)
    mean = frames.mean(axis=0)
    quantizer = fit_quantizer(frames - mean, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({"mean": torch.from_numpy(mean), **quantizer.state_dict()}, args.out / "codebooks.safetensors")
    decode_all(sources, quantizer, mean, args.out)
    report = evaluate(
        [FolderCodec(args.out, SAMPLE_RATE_HZ)], sources, SAMPLE_RATE_HZ, metrics=METRICS, num_workers=args.workers
    )
    print_report(report)
    (args.out / "report.json").write_text(json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
