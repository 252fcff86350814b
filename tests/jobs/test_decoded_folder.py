"""The folder of a decoding run: its record, and what may go on in it."""

from pathlib import Path

import pytest

from vqaudio.audio.files import write_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.decoded_folder import RECORD, decoded_folder, is_whole

ORIGIN = {"store": "ab", "codec": {"name": "tiny"}, "codebooks": 3}


def test_a_file_is_whole_if_it_has_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    assert not is_whole(path, 100)
    write_audio(path, [0.1] * 100, 16_000)
    assert is_whole(path, 100)
    assert not is_whole(path, 101)
    assert not is_whole(path, 99)
    path.write_bytes(path.read_bytes()[:-2])
    assert not is_whole(path, 100)
    path.write_bytes(b"")
    assert not is_whole(path, 100)


def test_two_runs_do_not_meet_in_one_folder(tmp_path: Path) -> None:
    with (
        decoded_folder(tmp_path, [], ORIGIN, "new"),
        pytest.raises(VqaudioError, match="another run"),
        decoded_folder(tmp_path, [], ORIGIN, "resume"),
    ):
        pass


@pytest.mark.parametrize("change", [{"store": "cd"}, {"codec": {"name": "other"}}, {"codebooks": 2}])
def test_only_a_run_of_the_same_origin_goes_on(tmp_path: Path, change: dict) -> None:
    with decoded_folder(tmp_path, [], ORIGIN, "new"):
        pass
    with decoded_folder(tmp_path, [], dict(ORIGIN), "resume"):
        pass
    with (
        pytest.raises(VqaudioError, match=rf"another {min(change)}.*--overwrite"),
        decoded_folder(tmp_path, [], ORIGIN | change, "resume"),
    ):
        pass


@pytest.mark.parametrize("content", [None, "", "[]", "{", "[" * 100_000])
def test_files_without_a_readable_record_are_not_gone_on_with(tmp_path: Path, content: str | None) -> None:
    wav = tmp_path / "a.wav"
    write_audio(wav, [0.1], 16_000)
    if content is not None:
        (tmp_path / RECORD).write_text(content)
    paths = [tmp_path / "not yet.wav", wav]
    with pytest.raises(VqaudioError, match=RECORD), decoded_folder(tmp_path, paths, ORIGIN, "resume"):
        pass
    with decoded_folder(tmp_path, paths[:1], ORIGIN, "resume"):
        pass


def test_overwriting_leaves_nothing_of_the_run_before(tmp_path: Path) -> None:
    wav, other = tmp_path / "a.wav", tmp_path / "other.wav"
    for path in (wav, other):
        write_audio(path, [0.1], 16_000)
    with decoded_folder(tmp_path, [wav], ORIGIN, "overwrite"):
        assert not wav.exists()
        assert other.exists()


def test_what_a_killed_run_left_half_done_goes_and_folders_of_such_a_name_stay(tmp_path: Path) -> None:
    stale, folder = [tmp_path / place / ".12-34.writing" for place in ("deep", ".")], tmp_path / ".out.writing"
    folder.mkdir()
    (tmp_path / "deep").mkdir()
    for path in stale:
        path.write_bytes(b"half")
    with decoded_folder(tmp_path, [tmp_path / "deep" / "b.wav"], ORIGIN, "new"):
        assert not any(path.exists() for path in stale)
        assert folder.exists()
