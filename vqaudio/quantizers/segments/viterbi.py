"""Segments by dynamic programming: codes that stay near the vectors and change seldom.

Of all codes c_1 ... c_t of the frames those are chosen for which

    sum of d(x_t, c_t)  +  sum of w_t over the frames where a segment begins

is least: d is the squared distance of a frame's vector to a code's, w_t the penalty of a segment.  With w_t = penalty
that is eq. 2 of Kamper and van Niekerk 2020 (arXiv:2012.07551) with its duration penalty 1 - duration, which adds up to
the number of segments; Kamper 2022 (arXiv:2202.11929) calls it duration-penalized dynamic programming.  As a switch of
code costs the same whatever the codes, one frame takes O(v): a code goes on, or comes after the best code so far.

The penalty is off_peak times as high where the change of the codes is no local peak, after the contrast-sensitive
smoothness terms of image segmentation (Boykov and Jolly 2001): a boundary then falls on the frame of the largest change
nearby.  The change before frame t is the squared difference of the mean square roots of the soft assignments,
softmax(-d / softness), of the two frames before and the two frames from t on.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import LOOKAHEAD_FRAMES, SegmentSetting

Row = NDArray[np.float64]


def segment_codes(distances: NDArray[np.floating], setting: SegmentSetting | None = None) -> NDArray[np.int64]:
    """Choose the codes `t` of frames with distances `t v` to all codes; segments are the runs of equal codes.

    distances: squared, as `vqaudio.quantizers.segments.distances` scales them.  They are those of a `Segmenter`.
    Raises VqaudioError for distances of another shape, or that are not finite.

    >>> segment_codes(np.array([[0, 9], [2, 1], [0, 9], [9, 0], [9, 0.0]])).tolist()
    [0, 0, 0, 1, 1]
    """
    segmenter = Segmenter(setting or SegmentSetting())
    return np.concatenate([segmenter.push(distances), segmenter.finish()])


class Segmenter:
    """A chooser of codes for frames that arrive in any portions: the codes do not depend on the portions.

    Frame t is decided once frame t + max_delay_frames is there: it has the code that the best path so far gives it,
    also where later frames would have spoken for another one.  A recording that is at hand as a whole is no exception.
    """

    def __init__(self, setting: SegmentSetting) -> None:
        delay = setting.max_delay_frames
        self._setting, self._peaks = setting, _Peaks(setting.softness)
        self._paths = _Paths(None if delay is None else delay - LOOKAHEAD_FRAMES)

    def push(self, distances: NDArray[np.floating]) -> NDArray[np.int64]:
        """Take the distances `t v` of more frames.  Returns the codes that are decided, often none.

        Raises VqaudioError for distances of another shape, or that are not finite.
        """
        if distances.ndim != 2 or not np.isfinite(distances).all():
            raise VqaudioError(f"segments want finite distances of shape (frames, codes), got {distances.shape}")
        rows = np.ascontiguousarray(distances, dtype=np.float64)
        return np.array([code for row in rows for code in self._step(self._peaks.push(row))], dtype=np.int64)

    def finish(self) -> NDArray[np.int64]:
        """Say that no more frames come.  Returns the codes of all that were not decided."""
        codes = self._step(self._peaks.finish())
        return np.array(codes + self._paths.finish(), dtype=np.int64)

    def _step(self, frames: "list[tuple[Row, bool]]") -> list[int]:
        penalty, off_peak = self._setting.penalty, self._setting.penalty * self._setting.off_peak
        return [code for row, is_peak in frames for code in self._paths.push(row, penalty if is_peak else off_peak)]


class _Peaks:
    """A finder of the frames before which the soft assignment changes most, told LOOKAHEAD_FRAMES later.

    Before the first frame and after the last one all is as in these.
    """

    def __init__(self, softness: float) -> None:
        self._softness = softness
        self._waiting: deque[Row] = deque()
        self._roots: deque[Row] = deque(maxlen=4)  # square roots of the soft assignments of the last frames
        self._changes = deque([0.0], maxlen=3)  # before the third, second and first frame from the end

    def push(self, distances: Row) -> list[tuple[Row, bool]]:
        """Take the distances `v` of a frame.  Returns those of the frame two before it, and whether it is a peak."""
        shares = np.exp((distances.min() - distances) / self._softness)
        root = np.sqrt(shares / shares.sum())
        self._waiting.append(distances)
        self._roots.extend([root] * (1 if self._roots else 3))
        return self._told()

    def finish(self) -> list[tuple[Row, bool]]:
        """Return the frames that wait."""
        told = []
        while self._waiting:
            self._roots.append(self._roots[-1])
            told += self._told()
        return told

    def _told(self) -> list[tuple[Row, bool]]:
        if len(self._roots) < 4:
            return []
        older, old, new, newer = self._roots
        difference = (older + old) - (new + newer)
        self._changes.append(float((difference * difference).sum()))
        if len(self._changes) < 3:
            return []
        before, here, after = self._changes
        return [(self._waiting.popleft(), before < here >= after)]


class _Paths:
    """The best paths through the codes so far, one that ends in each code, and what they decide.

    costs: of the paths, above the least.  starts: the frames at which their last segments begin.  A path whose last
    segment begins at frame t goes on before it as the best path to frame t - 1 does: its code and its start are kept.
    """

    def __init__(self, delay_frames: int | None) -> None:
        self._delay_frames, self._num_frames, self._num_decided = delay_frames, 0, 0
        self._costs, self._starts = np.zeros(0), np.zeros(0, dtype=np.int64)
        self._before: dict[int, tuple[int, int]] = {}

    def push(self, distances: Row, cost: float) -> list[int]:
        """Go on by a frame with distances `v`, before which a new segment costs so much.

        Returns the codes that are decided by it: one, or none yet.
        """
        if self._num_frames == 0:
            self._costs, self._starts = np.zeros(len(distances)), np.zeros(len(distances), dtype=np.int64)
        else:
            best = int(self._costs.argmin())
            self._before[self._num_frames] = (best, int(self._starts[best]))
            is_new = self._costs > cost
            self._costs[is_new] = cost
            self._starts[is_new] = self._num_frames
        self._costs += distances
        self._costs -= self._costs.min()
        self._num_frames += 1
        if self._delay_frames is None or self._num_frames <= self._delay_frames:
            return []
        code, start = self._ends_in()
        while start > self._num_decided:
            code, start = self._before[start]
        self._before.pop(self._num_decided, None)
        self._num_decided += 1
        return [code]

    def finish(self) -> list[int]:
        """Return the codes of the frames that are not decided, along the best path."""
        codes: list[int] = []
        if self._num_frames == self._num_decided:
            return codes
        code, start = self._ends_in()
        end = self._num_frames
        while True:
            codes += [code] * (end - max(start, self._num_decided))
            if start <= self._num_decided:
                return codes[::-1]
            end = start
            code, start = self._before[start]

    def _ends_in(self) -> tuple[int, int]:
        best = int(self._costs.argmin())
        return best, int(self._starts[best])
