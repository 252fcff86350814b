"""Which recordings the control on MFCC is fitted on."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.probing import fitted_utterances, read_names
from vqaudio.probes.frames import split_at, split_by_speaker


def test_means_see_no_recording_that_a_held_out_list_names_and_all_with_folds() -> None:
    speakers = ["ada", "ben", "cy", "cy"]
    named = split_at(speakers, [False, True, True, False])  # the other one of cy's is neither fitted on nor tested
    assert fitted_utterances(named).tolist() == [True, False, False, False]
    assert fitted_utterances(split_by_speaker(speakers, 2)).tolist() == [True] * 4


def test_a_list_of_names_is_its_lines_and_not_nothing(tmp_path: Path) -> None:
    path = tmp_path / "held.txt"
    path.write_text("\ufeffada\n\n  b/en.wav \n", encoding="utf-8")
    assert read_names(path) == ("ada", "b/en.wav")
    path.write_text(" \n\n")
    with pytest.raises(VqaudioError, match=r"held\.txt is empty: wanted one id or speaker a line"):
        read_names(path)
    for wrong in (b"caf\xe9", None):
        path.unlink() if wrong is None else path.write_bytes(wrong)
        with pytest.raises(VqaudioError, match=r"held\.txt cannot be read"):
            read_names(path)
