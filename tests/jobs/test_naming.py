"""Names of decoded files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.naming import wav_names


def test_a_suffix_gives_way_to_wav_where_that_is_nobody_elses_name() -> None:
    ids = ["a/x.flac", "a/y.opus", "b/x.flac", "dots.in.name.wav", "UPPER.WAV", "dir.wav/in.wav"]
    assert list(wav_names(ids).values()) == [
        "a/x.wav", "a/y.wav", "b/x.wav", "dots.in.name.wav", "UPPER.wav", "dir.wav/in.wav",
    ]  # fmt: skip


def test_files_of_one_stem_keep_their_suffix() -> None:
    assert wav_names(["x.flac", "x.wav", "x.flac.wav"]) == {
        "x.flac": "x.flac.wav", "x.wav": "x.wav.wav", "x.flac.wav": "x.flac.wav.wav",
    }  # fmt: skip


def test_names_that_differ_only_in_case_or_meet_a_folder_are_told_apart() -> None:
    assert wav_names(["X.flac", "x.mp3", "d.mp3", "d.wav/in.mp3"]) == {
        "X.flac": "X.flac.wav", "x.mp3": "x.mp3.wav", "d.mp3": "d.mp3.wav", "d.wav/in.mp3": "d.wav/in.wav",
    }  # fmt: skip


NAMES = [stem + suffixes for stem in "abA" for suffixes in ("", ".wav", ".mp3", ".mp3.wav", ".wav.wav", ".mp3.wav.wav")]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(NAMES + [f"{name}/{other}" for name in NAMES for other in NAMES[:3]]), unique=True))
def test_no_two_files_ever_share_a_name(ids: list[str]) -> None:
    try:
        names = wav_names(ids)
    except VqaudioError:
        return
    assert len(set(names.values())) == len(ids)
    folders = {name.rsplit("/", 1)[0] for name in ids if "/" in name}
    assert not folders & set(names.values())


@pytest.mark.parametrize(
    "name", ["/etc/x.wav", "../x.wav", "a/../../x.wav", "", ".", "/", "a//b.wav", "a/./b.wav", "a/", "x\0.wav"]
)
def test_an_id_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(VqaudioError, match="no path below a folder"):
        wav_names(["fine.wav", name])
