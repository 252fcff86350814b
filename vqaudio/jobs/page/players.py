"""The page's recordings: players of the original and its decodings, pictures with the codes under them."""

from collections.abc import Iterator
from html import escape

import numpy as np

from vqaudio.core.units import FrameGrid
from vqaudio.jobs.evaluate.charts import real_kbps
from vqaudio.jobs.evaluate.report import Report
from vqaudio.jobs.page.axes import hertz_axis, seconds_axis
from vqaudio.jobs.page.listening import Utterance, Version
from vqaudio.jobs.page.media import code_strip, picture_uri, sound_uri, spectrogram

NUM_KEYS = 10  # 1 to 9 and 0


def utterance_article(utterance: Utterance, report: Report, codec: str, grid: FrameGrid) -> str:
    """Write the pictures and players of one recording."""
    text = f'<p class="said">{escape(utterance.text)}</p>' if utterance.text else ""
    seconds = len(utterance.original) / grid.sample_rate_hz
    return (
        f'<article data-seconds="{seconds:.6f}"><h3>{escape(utterance.id)}</h3>'
        f'<div class="pictures">{"".join(_figures(utterance, codec, grid))}</div>{text}'
        f'<ul class="players">{"".join(_players(utterance, report, codec, grid))}</ul></article>'
    )


def _figures(utterance: Utterance, codec: str, grid: FrameGrid) -> Iterator[str]:
    """Write the original's spectrogram over its codes, then that of the codec's finest decoding."""
    codes = utterance.first_codes
    caption = (
        f"Original, and codebook 1 under it: {len(codes)} frames, {len(np.unique(codes))} distinct codes; "
        "one colour is one code"
    )
    # Frames stand where their sound is, even where the last one reaches beyond the recording's end.
    width = 100 * len(codes) * grid.hop_samples / max(1, len(utterance.original))
    strip = (
        f'<span class="strip"><img class="codes" style="width:{width:.3f}%" src="{picture_uri(code_strip(codes))}" '
        f'alt="Codes of codebook 1 over time"></span>'
        if len(codes)
        else ""
    )
    yield _figure(utterance.original, grid, caption, strip)
    own = [version for version in utterance.versions if version.coder == codec]
    if own:
        yield _figure(own[-1].samples, grid, f"Decoded: {_label(own[-1], codec)}", "")


def _figure(samples: np.ndarray, grid: FrameGrid, caption: str, below: str) -> str:
    picture = picture_uri(spectrogram(samples, grid.sample_rate_hz))
    return (
        f'<figure><div class="plane">{hertz_axis(grid.sample_rate_hz)}<div class="timeline">'
        f'<img class="spectrogram" src="{picture}" alt="Spectrogram: {escape(caption)}">{below}'
        f'<i class="playhead"></i></div>{seconds_axis(len(samples) / grid.sample_rate_hz)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _players(utterance: Utterance, report: Report, codec: str, grid: FrameGrid) -> Iterator[str]:
    yield _player(1, "Original", "", utterance.original, utterance.id, grid)
    for number, version in enumerate(utterance.versions, start=2):
        yield _player(number, _label(version, codec), _rate(version, report), version.samples, utterance.id, grid)


def _player(number: int, label: str, rate: str, samples: np.ndarray, utterance_id: str, grid: FrameGrid) -> str:
    """Write a version: a button that the page's script makes a switch, its key, and the browser's own player."""
    key = f"<kbd>{number % 10}</kbd> " if number <= NUM_KEYS else ""
    return (
        f'<li><button type="button" aria-pressed="false">{key}<b>{escape(label)}</b> '
        f"<small>{escape(rate)}</small></button>"
        f'<audio controls preload="metadata" aria-label="{escape(f"{label}: {utterance_id}")}" '
        f'src="{sound_uri(samples, grid.sample_rate_hz)}"></audio></li>'
    )


def _label(version: Version, codec: str) -> str:
    if version.coder != codec:
        return f"{version.coder} {version.setting}"
    return f"{codec}, {version.setting} codebook{'' if version.setting == '1' else 's'}"


def _rate(version: Version, report: Report) -> str:
    """Format the rate that the report has for this row; nothing where it has no such row."""
    try:
        kbps = real_kbps(report.row(version.coder, version.setting))
    except KeyError:
        return ""
    return "" if kbps is None else f"{kbps:.2f} kbit/s"
