from hypothesis import given
from hypothesis import strategies as st

from vqaudio.tokens.splits import hash_share, split_of

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
