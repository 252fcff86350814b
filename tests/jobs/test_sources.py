"""Which files are found, and under which names."""

import os
import socket
import sys
from pathlib import Path

import pytest

from vqaudio.audio.folders import AudioPath
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import find_sources, sources_of


def lay(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_ids_are_sorted_relative_paths_with_their_suffix(tmp_path: Path) -> None:
    lay(tmp_path, "b/two.flac", "a.wav", "a/one.WAV", "notes.txt", "b/two.wav", "dir.wav/in side.opus")
    assert [source.id for source in find_sources(tmp_path)] == [
        "a.wav", "a/one.WAV", "b/two.flac", "b/two.wav", "dir.wav/in side.opus",
    ]  # fmt: skip


def test_a_source_knows_the_size_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    assert [source.num_bytes for source in find_sources(tmp_path)] == [4]


def test_a_folder_that_cannot_be_walked_is_a_source_that_is_refused() -> None:
    [source] = sources_of([AudioPath("locked", "/locked", "cannot be read: Permission denied")])
    assert (source.id, source.path, source.refusal) == ("locked", "/locked", "cannot be read: Permission denied")


def test_circles_of_links_end_and_a_folder_is_found_at_its_own_place(tmp_path: Path) -> None:
    lay(tmp_path, "z/one.wav", "z/deep/two.wav")
    (tmp_path / "z" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    sources = {source.id: source for source in find_sources(tmp_path)}
    assert sorted(sources) == ["gone.wav", "z/deep/two.wav", "z/one.wav"]
    assert "No such file" in (sources["gone.wav"].refusal or "")


def test_a_linked_folder_outside_the_tree_is_walked_once(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", "one.wav")
    root = lay(tmp_path / "root", "two.wav")
    (root / "first").symlink_to(tmp_path / "elsewhere")
    (root / "second").symlink_to(tmp_path / "elsewhere")
    assert [source.id for source in find_sources(root)] == ["first/one.wav", "two.wav"]


def test_foreign_formats_want_ffmpeg_and_one_in_the_current_folder_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry of PATH is the current folder."""
    lay(tmp_path, "talk.M4A", "ffmpeg")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":.")
    [source] = find_sources(tmp_path)
    assert "libsndfile does not read .m4a, and ffmpeg, which does, is not installed" in (source.refusal or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_sources(tmp_path)[0].refusal is None


def test_a_pipe_is_refused_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    [source] = find_sources(tmp_path)
    assert source.refusal == "not a regular file"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.wav")
        assert find_sources(tmp_path)[0].refusal == "not a regular file"


def test_a_name_that_is_not_utf8_is_refused_under_a_name_that_is(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")
    [source] = find_sources(tmp_path)
    assert source.id.encode() == b"caf\\udce9.wav"
    assert "UTF-8" in (source.refusal or "")


def test_one_file_is_its_own_folder(tmp_path: Path) -> None:
    lay(tmp_path, "a.wav", "b.wav")
    assert [source.id for source in find_sources(tmp_path / "b.wav")] == ["b.wav"]


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="no audio file"):
        find_sources(lay(tmp_path, "readme.txt"))
    with pytest.raises(VqaudioError, match="does not exist"):
        find_sources(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows names that are not Unicode")
def test_names_that_are_not_unicode_get_ids_of_their_own(tmp_path: Path) -> None:
    names = [
        b"\xe9.wav",
        b"\\udce9.wav",
        b"\xe9\\udce9.wav",
        b"\\udce9\xe9.wav",
        b"\\udce9\\udce9.wav",
        b"\xc3\xa9.wav",
    ]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    sources = find_sources(tmp_path)
    assert sorted(os.fsencode(source.path.removeprefix(f"{tmp_path}/")) for source in sources) == sorted(names)
    assert len({source.id for source in sources}) == len(names)
    assert all(source.id.encode() for source in sources)
    assert [source.id for source in sources] == sorted(source.id for source in sources)
    taken = {source.id: source.refusal for source in sources if source.refusal is None}
    assert sorted(taken) == ["\\udce9.wav", "\\udce9\\udce9.wav", "é.wav"]
    assert [source.refusal for source in sources if source.id not in taken] == [
        "the file name is not UTF-8; rename it"
    ] * 3
