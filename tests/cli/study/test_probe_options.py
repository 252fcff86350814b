"""What the flags of `vqaudio probe` become."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from vqaudio.cli.study import probe
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.probing import ProbeOptions


def options(*flags: str) -> ProbeOptions:
    parser = argparse.ArgumentParser()
    probe.add_arguments(parser)
    return probe.options_from(parser.parse_args(["TOKENS", "--alignments", "DIR", *flags]))


def test_every_flag_is_an_option_and_without_flags_they_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("s1\n\ns2\n")
    assert options() == ProbeOptions(probes=frozenset(["leakage"]))
    for flags, change in {
        ("--codebook", "3"): {"codebook": 3},
        ("--labels", "plain"): {"labels": "plain"},
        ("--tier", "words"): {"tier": "words"},
        ("--audio", "wavs"): {"audio": Path("wavs")},
        ("--held-out", str(tmp_path / "held.txt")): {"held_out": ("s1", "s2")},
        ("--folds", "7"): {"num_folds": 7},
        ("--accept-few-frames",): {"accepts_few_frames": True},
        ("--with", "abx", "linear"): {"probes": frozenset(["abx", "linear"])},
        ("--with", "none"): {"probes": frozenset(["none"])},
        ("--stability-utterances", "9"): {"num_stability": 9},
    }.items():
        assert options(*flags) == replace(options(), **change)
    with pytest.raises(VqaudioError, match=r"there is no probe 'fly'; there are .*, and none"):
        options("--with", "abx", "fly", "zoo")
