"""Pitch of a stream that is decoded in windows: what came and waits."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.codec.pitch.coder import f0_of_codes
from vqaudio.core.errors import VqaudioError
from vqaudio.nn.pitch import PitchTrack


class PitchQueue:
    """A queue of pitch codes beside the codes of a stream.

    conditioning: the decoder's, None for one that takes no pitch.  median_hz: of the voice that speaks.
    """

    def __init__(self, conditioning: Any, median_hz: float) -> None:
        self._num_steps = 0 if conditioning is None else conditioning.num_steps
        self._median_hz = median_hz
        self._waiting = np.zeros(0, dtype=np.int64)

    def push(self, pitch: NDArray[np.integer] | None, num_frames: int) -> None:
        """Take the pitch codes `t` of some frames, or None for frames whose pitch is not given.

        Raises VqaudioError for codes of other frames or other steps.
        """
        codes = np.full(num_frames, self._num_steps + 1) if pitch is None else np.asarray(pitch, dtype=np.int64)
        has_wrong = pitch is not None and codes.size and not 0 <= codes.min() <= codes.max() <= self._num_steps
        if codes.shape != (num_frames,) or has_wrong or (pitch is not None and not self._num_steps):
            raise VqaudioError(
                f"pitch of shape {codes.shape} with codes up to {codes.max(initial=0)} does not fit: the codec takes "
                f"{self._num_steps or 'no'} steps, and {num_frames} frames came"
            )
        if pitch is not None and not self._median_hz > 0 and codes.any():
            raise VqaudioError("pitch is told around the median of a voice; give median_hz, above 0 Hz")
        self._waiting = np.concatenate([self._waiting, codes])

    def next_window(self, num_frames: int, device: torch.device) -> PitchTrack | None:
        """Take the pitch of the next frames, none given after the last; None for a codec that takes none."""
        now, self._waiting = np.split(self._waiting, [num_frames])
        if not self._num_steps:
            return None
        none_given = self._num_steps + 1
        filled = np.pad(now, (0, num_frames - len(now)), constant_values=none_given)
        codes = torch.from_numpy(filled).to(device)[None]
        f0_hz = f0_of_codes(codes, self._median_hz, self._num_steps).float()
        return PitchTrack(codes, f0_hz * (codes != none_given))
