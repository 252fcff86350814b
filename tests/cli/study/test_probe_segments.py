"""`vqaudio probe` of a store of segments: their rates beside their boundaries."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqaudio.cli.main import main
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

FRAMES = CodecStamp("one", "ab" * 32, 16_000, 320, 1, 12)
SEGMENTS = replace(FRAMES, segments=SegmentSetting(2.5))
PHONES = ("AA1", "IY0", "S", "T", "M", "sil")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """`frames` and `segments`: stores of the same codes, two for every phone; `alignments`: their phones."""
    generator, rows, lines = np.random.default_rng(0), list[TokenRow](), list[str]()
    for number in range(16):
        phones = np.cumsum(1 + generator.integers(0, len(PHONES) - 1, 60)) % len(PHONES)
        durations = generator.integers(4, 10, 60)
        starts = np.cumsum(durations) - durations
        lines += [
            f"u{number} 1 {start / 50:.3f} {duration / 50:.3f} {PHONES[phone]}"
            for phone, start, duration in zip(phones, starts, durations, strict=True)
        ]
        codes = np.repeat(2 * phones + number % 2, durations)[None]
        rows.append(TokenRow(f"u{number}", codes, codes.size * 320, 16_000, codes.size / 50, f"s{number % 4}"))
    for name, stamp in (("frames", FRAMES), ("segments", SEGMENTS)):
        with TokenWriter(tmp_path / name, stamp) as writer:
            for row in rows:
                writer.append(row)
    (tmp_path / "alignments").mkdir()
    (tmp_path / "alignments" / "x.phones.ctm").write_text("\n".join(lines) + "\n")
    return tmp_path


def probe(corpus: Path, name: str) -> dict:
    out = corpus / f"{name}-probe"
    alignments = ("--alignments", str(corpus / "alignments"))
    assert main(["probe", str(corpus / name), *alignments, "--with", "none", "--out", str(out)]) == 0
    return json.loads((out / "probe.json").read_text())


def test_rates_and_boundaries_of_segments_are_told(corpus: Path, capsys) -> None:
    of_frames = probe(corpus, "frames")
    assert "segments:" not in capsys.readouterr().out
    found = probe(corpus, "segments")
    told = capsys.readouterr().out
    rates, per_second = found["bitrates"], found["runs"]["runs_per_second"]
    assert f"segments: {per_second:.1f} a second, {rates['merged_bps']:.0f} bits a second as ZeroSpeech" in told
    assert rates["merged_bps"] < rates["timed_bps"]
    assert found["codec"]["segments"] == SEGMENTS.to_json()["segments"]
    assert found["headline"]["codes"] == of_frames["headline"]["codes"]
    assert found["headline"]["codes"]["boundaries"]["f1"] == pytest.approx(1)
    assert re.search(r"R-value +F1 +precision +recall", told)
