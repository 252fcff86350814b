from hypothesis import given
from hypothesis import strategies as st

from vqaudio.export.check import read_export
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.splits import SPLITS, hash_share, split_of

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


def test_added_files_move_no_old_one(make_store, make_rows, tmp_path):
    def split_by_id(num_rows):
        out = tmp_path / str(num_rows)
        export_store(make_store(make_rows(num_rows)), out, ExportOptions("nanogpt", validation=0.4))
        return {entry.id: split for split in SPLITS for entry, _ in read_export(out, split)}

    before, after = split_by_id(15), split_by_id(40)
    assert len(after) == 40
    assert before.items() <= after.items()
    assert set(before.values()) == set(SPLITS)
