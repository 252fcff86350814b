"""Frame labels as fairseq writes them: one label for each frame, at a rate that the file does not say.

Source: fairseq, examples/hubert/measure_teacher_quality.py, which reads phones as `id<TAB>label,label,...` (100 Hz)
and units as lines `label label ...` beside a manifest that names the utterances.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import read_alignment_text


def read_frame_labels(
    path: str | Path, frame_rate_hz: float, manifest: str | Path | None = None
) -> dict[str, list[Interval]]:
    """Read the frame labels of every utterance, runs of one label as one interval.

    frame_rate_hz: frames in a second.  manifest: the `.tsv` whose lines, after the first, name the sound files; with it
    `path` has a line of labels for each, without it lines `id<TAB>label,label,...`.
    Raises VqaudioError for a line of another form, an utterance that comes twice, or a manifest of another length.
    """
    lines = read_alignment_text(Path(path)).splitlines()
    if manifest is None:
        pairs = [_split(line, f"line {number} of {path}") for number, line in enumerate(lines, 1) if line.strip()]
    else:
        names = [line.split("\t")[0] for line in read_alignment_text(Path(manifest)).splitlines()[1:] if line.strip()]
        if len(names) != len(lines):
            raise VqaudioError(f"{path} has {len(lines)} lines and {manifest} names {len(names)} files; wanted as many")
        pairs = [(PurePosixPath(name).stem, line.split()) for name, line in zip(names, lines, strict=True)]
    by_utterance: dict[str, list[Interval]] = {}
    for name, labels in pairs:
        if name in by_utterance:
            raise VqaudioError(f"{path} has the utterance {name!r} twice; wanted each once")
        by_utterance[name] = intervals_of_frames(labels, frame_rate_hz)
    return by_utterance


def intervals_of_frames(labels: Sequence[str], frame_rate_hz: float) -> list[Interval]:
    """Join runs of one frame label into intervals; frame t is from t to t + 1 frame lengths.

    >>> intervals_of_frames(["s", "s", "iy"], frame_rate_hz=50)
    [Interval(label='s', start_s=0.0, end_s=0.04), Interval(label='iy', start_s=0.04, end_s=0.06)]

    Raises VqaudioError if the rate is not above 0.
    """
    if not frame_rate_hz > 0:
        raise VqaudioError(f"frame_rate_hz must be above 0, got {frame_rate_hz}")
    intervals, start = [], 0
    for label, run in groupby(labels):
        end = start + len(list(run))
        intervals.append(Interval(label, start / frame_rate_hz, end / frame_rate_hz))
        start = end
    return intervals


def _split(line: str, where: str) -> tuple[str, list[str]]:
    name, tab, labels = line.rstrip("\r\n ").partition("\t")
    if not tab or not name:
        raise VqaudioError(f"{where}: wanted `id<TAB>label,label,...`; give the manifest if it has labels alone")
    return name, labels.split(",") if labels else []
