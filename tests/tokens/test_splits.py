import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.tokens.splits import hash_share, speaker_share, split_of

names = st.text(min_size=1, max_size=8)


@given(speaker=names, first=names, second=names, share=st.floats(0, 1))
def test_a_speaker_stays_together(speaker, first, second, share):
    assert split_of(speaker, first, share) == split_of(speaker, second, share)


@given(name=names, smaller=st.floats(0, 1), larger=st.floats(0, 1))
def test_a_larger_share_only_adds_to_what_is_held_out(name, smaller, larger):
    smaller, larger = sorted((smaller, larger))
    assert (split_of(None, name, smaller), split_of(None, name, larger)) != ("validation", "train")


def test_the_hash_is_that_of_every_machine_and_spread_evenly():
    assert hash_share("speaker ada") == int("518612cc1fef", 16) / 2**48
    shares = [hash_share(str(number)) for number in range(4000)]
    assert abs(sum(share < 0.05 for share in shares) / 4000 - 0.05) < 0.01


def test_the_share_held_out_ends_below_the_hash_of_the_first_that_is_not():
    share = speaker_share("ada", "1.wav")
    assert split_of("ada", "1.wav", share) == "train"
    assert split_of("ada", "1.wav", float(np.nextafter(share, 1))) == "validation"


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_recording_of_an_unknown_speaker_is_split_by_its_own_id_and_not_as_a_speaker_of_that_name(nobody):
    shares = [speaker_share(nobody, name) for name in ("1.wav", "2.wav", "ada")]
    assert len({*shares, speaker_share("ada", "1.wav")}) == 4
