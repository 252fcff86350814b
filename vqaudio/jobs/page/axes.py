"""The axes of the page's spectrograms: text beside the picture, in the page's own colour."""

from collections.abc import Iterable

from vqaudio.core.mel import hz_to_mel
from vqaudio.jobs.page.media import MEL_BANDS

TICKS_HZ = (0, 500, 1000, 2000, 4000, 8000, 16_000)
STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0)
MOST_SECONDS_TICKS = 7
END = 0.95


def height_share(frequency_hz: float, sample_rate_hz: int) -> float:
    """Find how high a frequency stands in a mel spectrogram: 0 at its lower edge, 1 at its upper one."""
    corner = hz_to_mel(frequency_hz) / hz_to_mel(sample_rate_hz / 2) * (MEL_BANDS + 1)
    return min(1.0, max(0.0, (corner - 0.5) / MEL_BANDS))


def hertz_axis(sample_rate_hz: int) -> str:
    """Write the axis of frequencies, in kHz; the unit stands at the highest."""
    ticks = [tick for tick in TICKS_HZ if tick <= sample_rate_hz / 2]
    texts = [f"{tick / 1000:g}" for tick in ticks[:-1]] + [f"{ticks[-1] / 1000:g} kHz"]
    places = (f"bottom:{100 * height_share(tick, sample_rate_hz):.2f}%" for tick in ticks)
    return _axis("hertz", zip(places, texts, strict=True))


def seconds_axis(seconds: float) -> str:
    """Write the axis of time, in seconds from the start; the unit stands at the last one."""
    step_s = next((step for step in STEPS_S if seconds / step < MOST_SECONDS_TICKS), STEPS_S[-1])
    ticks_s = [number * step_s for number in range(int(seconds / step_s + 1e-9) + 1)]
    texts = [f"{tick_s:g}" for tick_s in ticks_s[:-1]] + [f"{ticks_s[-1]:g} s"]
    shares = [tick_s / max(seconds, step_s) for tick_s in ticks_s]
    # A last tick at the very end has its text before it, so that the text ends where the picture does.
    places = [f"left:{100 * share:.2f}%{';transform:translateX(-100%)' if share > END else ''}" for share in shares]
    return _axis("seconds", zip(places, texts, strict=True))


def _axis(kind: str, ticks: Iterable[tuple[str, str]]) -> str:
    spans = "".join(f'<span style="{place}">{text}</span>' for place, text in ticks)
    return f'<div class="{kind}" aria-hidden="true">{spans}</div>'
