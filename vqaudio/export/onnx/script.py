"""Speech to codes and back with numpy, soundfile and onnxruntime, window by window.

    python run.py IN.wav OUT.npy OUT.wav

codec.json beside it says how wide the states are, and how many frames late codes and sound come.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

Inputs = dict[str, np.ndarray]


def run(folder: Path, part: dict[str, Any], windows: Iterator[Inputs]) -> np.ndarray:
    """Run a graph over windows in a row, the state carried on; its first outputs, joined along the last axis."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / part["file"], providers=["CPUExecutionProvider"])
    names = [state["name"] for state in part["state"]]
    states = [np.full([1, *state["shape"]], state["fill"], np.float32) for state in part["state"]]
    outputs = []
    for inputs in windows:
        output, *states = session.run(None, {**inputs, **dict(zip(names, states, strict=True))})
        outputs.append(output)
    return np.concatenate(outputs, axis=-1)


def encode(folder: Path, samples: np.ndarray) -> np.ndarray:
    """Encode samples `n` float32 at the codec's rate to codes `k t`."""
    facts = json.loads((folder / "codec.json").read_text())
    hop, size, late = facts["codec"]["hop_samples"], facts["window_frames"], facts["encoder"]["lookahead_frames"]
    num_frames = -(-len(samples) // hop)
    num_windows = -(-(num_frames + late) // size)
    audio = np.pad(samples, (0, num_windows * size * hop - len(samples))).reshape(num_windows, 1, 1, -1)
    return run(folder, facts["encoder"], ({"audio": window} for window in audio))[0, :, late : late + num_frames]


def decode(folder: Path, codes: np.ndarray, num_samples: int) -> np.ndarray:
    """Decode codes `k t` to samples `n` float32; in the voice of nobody in particular, where the codec has voices."""
    facts = json.loads((folder / "codec.json").read_text())
    hop, size, late = facts["codec"]["hop_samples"], facts["window_frames"], facts["decoder"]["lookahead_frames"]
    num_frames, speaker = codes.shape[1], facts["decoder"]["speaker"]
    fixed = {} if speaker is None else {"speaker": np.array([speaker], np.float32)}
    num_more = -(num_frames + late) % size + late
    padded = np.pad(codes.astype(np.int64), ((0, 0), (0, num_more)))[None]
    is_real = (np.arange(num_frames + num_more) < num_frames).astype(np.float32)[None]
    windows = (
        {"codes": padded[..., at : at + size], "is_real": is_real[:, at : at + size], **fixed}
        for at in range(0, num_frames + num_more, size)
    )
    return run(folder, facts["decoder"], windows)[0, 0, late * hop : late * hop + num_samples]


def main() -> None:
    """Encode a recording, save its codes, and decode them."""
    folder, (recording, codes_path, sound_path) = Path(__file__).parent, sys.argv[1:]
    wanted_hz = json.loads((folder / "codec.json").read_text())["codec"]["sample_rate_hz"]
    samples, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    if rate_hz != wanted_hz:
        sys.exit(f"{recording} is of {rate_hz} Hz, wanted {wanted_hz}; resample it first")
    codes = encode(folder, samples.mean(axis=1))
    np.save(codes_path, codes.astype(np.uint16))
    soundfile.write(sound_path, decode(folder, codes, len(samples)), wanted_hz)


if __name__ == "__main__":
    main()
