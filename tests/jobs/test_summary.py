"""What is told at the end of a run."""

import numpy as np

from vqaudio.jobs.sources import Source
from vqaudio.jobs.summary import Kinds
from vqaudio.jobs.tokenize.file_tokenizer import Outcome, Summary
from vqaudio.tokens.schema import CodecStamp

STAMP = CodecStamp("c", "0" * 64, 16_000, 320, num_codebooks=2, codebook_size=1024)


def test_a_summary_counts_files_hours_codes_and_bits() -> None:
    summary = Summary(num_before=7, stamp=STAMP)
    for index in range(3):
        codes = np.zeros((2, 60_000), dtype=np.uint16)
        summary.add(Outcome(Source(f"{index}.wav", ""), codes, 19_200_000, 16_000, ("clipped: 3 samples",)))
    assert summary.lines(wall_s=10.0) == [
        "files     3 tokenized, 0 failed, 7 were in the store already",
        "audio     1.00 h in 10 s, 360 x real time",
        "codes     360,000: 2 codebooks at 50 Hz, 1.00 kbit/s",
        "warnings  3 x such as 0.wav: clipped: 3 samples",
    ]


def test_failures_are_counted_by_reason_whatever_their_numbers_and_names() -> None:
    summary = Summary(stamp=STAMP)
    for name, at_s in (("a.flac", 1.5), ("b.flac", 20.25)):
        summary.add(Outcome(Source(name, f"/x/{name}"), reason=f"{name} is damaged after {at_s} s"))
    summary.add(Outcome(Source("c.m4a", "/x/c.m4a"), reason="libsndfile does not read .m4a"))
    assert summary.num_failures == 3
    assert summary.lines(1.0)[3:] == [
        "failed    2 x such as a.flac: a.flac is damaged after 1.5 s",
        "failed    1 x such as c.m4a: libsndfile does not read .m4a",
    ]


def test_the_name_of_a_file_its_path_and_whole_and_broken_numbers_make_no_kind() -> None:
    kinds = Kinds()
    for name, at in (("a.wav", "2"), ("b.wav", "2.5"), ("c.wav", "13.25")):
        kinds.add(Source(name, f"/x y/{name}"), f"/x y/{name}: {name} stops after {at} s")
    assert kinds.lines("failed") == ["failed    3 x such as a.wav: /x y/a.wav: a.wav stops after 2 s"]


def test_the_twelve_most_common_kinds_are_told_and_the_others_counted_together() -> None:
    kinds = Kinds()
    for kind in range(14):
        for _ in range(14 - kind):
            kinds.add(Source("a.wav", "/a.wav"), f"kind {'x' * kind}")
    lines = kinds.lines("failed")
    assert lines[0] == "failed    14 x such as a.wav: kind "
    assert (len(lines), lines[-1]) == (13, "failed    3 x other")
    assert kinds.lines("failed") == lines
    assert Kinds().lines("failed") == []
