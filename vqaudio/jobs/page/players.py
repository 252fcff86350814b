"""The page's recordings: players of the original and its decodings, pictures with the codes under them."""

from collections.abc import Iterator
from html import escape

import numpy as np

from vqaudio.core.units import FrameGrid
from vqaudio.jobs.evaluate.charts import real_kbps
from vqaudio.jobs.evaluate.report import Report
from vqaudio.jobs.page.listening import Utterance, Version
from vqaudio.jobs.page.media import code_strip, picture_uri, sound_uri, spectrogram


def utterance_article(utterance: Utterance, report: Report, codec: str, grid: FrameGrid) -> str:
    """Write the pictures and players of one recording."""
    text = f"<p>{escape(utterance.text)}</p>" if utterance.text else ""
    seconds = len(utterance.original) / grid.sample_rate_hz
    return (
        f'<article data-seconds="{seconds:.6f}"><h3>{escape(utterance.id)}</h3>{text}'
        f'<div class="pictures">{"".join(_figures(utterance, codec, grid))}</div>'
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
        f'<figure><div class="timeline"><img class="spectrogram" src="{picture}" alt="Spectrogram: {escape(caption)}">'
        f'{below}<i class="playhead"></i></div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _players(utterance: Utterance, report: Report, codec: str, grid: FrameGrid) -> Iterator[str]:
    yield _player("Original", "", utterance.original, utterance.id, grid)
    for version in utterance.versions:
        yield _player(_label(version, codec), _rate(version, report), version.samples, utterance.id, grid)


def _player(label: str, rate: str, samples: np.ndarray, utterance_id: str, grid: FrameGrid) -> str:
    return (
        f"<li><span><b>{escape(label)}</b> <small>{escape(rate)}</small></span>"
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
