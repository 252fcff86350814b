"""Which recordings the control on MFCC is fitted on."""

from vqaudio.jobs.probe.probing import fitted_utterances
from vqaudio.probes.frames import split_at, split_by_speaker


def test_means_see_no_recording_that_a_held_out_list_names_and_all_with_folds() -> None:
    speakers = ["ada", "ben", "cy", "cy"]
    named = split_at(speakers, [False, True, True, False])  # the other one of cy's is neither fitted on nor tested
    assert fitted_utterances(named).tolist() == [True, False, False, False]
    assert fitted_utterances(split_by_speaker(speakers, 2)).tolist() == [True] * 4
