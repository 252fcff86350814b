"""Fetching: once is enough, and a killed run is finished by the next."""

import hashlib
import importlib.util
import io
import re
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.fetch import fetching
from vqaudio.corpora.fetch.archives import Archive, find_archives, known_archives
from vqaudio.corpora.fetch.fetching import STATE_FOLDER, archive_path, fetch, is_fetched
from vqaudio.corpora.reading import READERS


def tar_bytes(names: list[str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:bz2") as tar:
        for name in names:
            one = tarfile.TarInfo(name)
            one.size = 4
            tar.addfile(one, io.BytesIO(b"data"))
    return stream.getvalue()


@pytest.fixture
def archive(publisher) -> Archive:
    publisher.files["/x/dev-clean.tar.bz2"] = data = tar_bytes(["LibriSpeech/dev-clean/84/1.flac"])
    url = f"{publisher.url}/x/dev-clean.tar.bz2"
    return Archive("librispeech", "dev-clean", ".", "LibriSpeech", url, hashlib.sha256(data).hexdigest())


def test_what_is_there_is_not_fetched_again(publisher, archive: Archive, tmp_path: Path) -> None:
    assert not is_fetched(archive, tmp_path)
    unpacked = fetch(archive, tmp_path / "new")
    assert unpacked is not None
    assert unpacked.folders == ("LibriSpeech", "LibriSpeech/dev-clean")
    assert is_fetched(archive, tmp_path / "new")
    assert fetch(archive, tmp_path / "new") is None
    assert len(publisher.asked) == 1
    left = sorted(path.name for path in (tmp_path / "new" / STATE_FOLDER).iterdir())
    assert left == ["librispeech-dev-clean.json", "librispeech-dev-clean.tar.bz2.lock"]


def test_a_part_that_was_deleted_or_published_anew_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    fetch(archive, tmp_path)
    (tmp_path / "LibriSpeech" / "test-clean").mkdir()
    shutil.rmtree(tmp_path / "LibriSpeech" / "dev-clean")
    assert not is_fetched(archive, tmp_path)
    assert fetch(archive, tmp_path) is not None
    newer = Archive("librispeech", "dev-clean", ".", "LibriSpeech", archive.url, "0" * 64)
    assert is_fetched(archive, tmp_path)
    assert not is_fetched(newer, tmp_path)


def test_a_run_killed_while_unpacking_is_finished_without_a_second_download(
    publisher, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(archive, tmp_path)
    assert not is_fetched(archive, tmp_path)
    assert fetch(archive, tmp_path, is_archive_kept=True) is not None
    assert len(publisher.asked) == 1
    assert archive_path(archive, tmp_path).read_bytes() == publisher.files["/x/dev-clean.tar.bz2"]


def test_two_runs_do_not_fetch_one_archive_into_one_folder(
    publisher, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first unpacks; it is refused, and the first is none the worse."""
    unpack, refusals = fetching.unpack, []

    def disturbed(*args, **options):
        with pytest.raises(VqaudioError, match="another run is fetching librispeech/dev-clean") as refusal:
            fetch(archive, tmp_path)
        refusals.append(refusal)
        fetch(archive, tmp_path / "elsewhere")  # another folder is free
        return unpack(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", lambda *args, **options: (patch.undo(), disturbed(*args, **options))[1])
        assert fetch(archive, tmp_path) is not None
    assert len(refusals) == 1
    assert is_fetched(archive, tmp_path)
    assert fetch(archive, tmp_path) is None


def test_what_another_run_finished_before_the_lock_was_ours_is_taken_as_done(
    publisher, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = fetching.locked

    def late(*args):
        monkeypatch.setattr(fetching, "locked", locked)
        assert fetch(archive, tmp_path) is not None  # the other run, between our look and our lock
        return locked(*args)

    monkeypatch.setattr(fetching, "locked", late)
    assert fetch(archive, tmp_path) is None
    assert is_fetched(archive, tmp_path)
    assert len(publisher.asked) == 1


def test_an_archive_with_other_bytes_is_not_unpacked(publisher, archive: Archive, tmp_path: Path) -> None:
    path = archive_path(archive, tmp_path)
    path.parent.mkdir()
    path.write_bytes(tar_bytes(["LibriSpeech/dev-clean/84/evil.flac"]))
    fetch(archive, tmp_path)
    assert [one.name for one in tmp_path.rglob("*.flac")] == ["1.flac"]


def test_a_damaged_record_or_folder_is_told(archive: Archive, tmp_path: Path) -> None:
    fetch(archive, tmp_path)
    (tmp_path / STATE_FOLDER / "librispeech-dev-clean.json").write_text("{}")
    with pytest.raises(VqaudioError, match=r"librispeech-dev-clean\.json is damaged .*; delete it"):
        fetch(archive, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(VqaudioError, match="take another folder"):
        fetch(archive, tmp_path / "file")


def test_the_table_holds_whole_rows_whose_corpora_have_readers() -> None:
    known = known_archives()
    assert len({one.name for one in known}) == len({one.url for one in known}) == len(known) == 35
    for one in known:
        assert one.corpus in READERS
        assert len(bytes.fromhex(one.sha256)) == 32
        assert one.url.startswith(("http://", "https://"))
        assert ".." not in one.unpack_to + one.root + one.corpus + one.part


def test_the_table_agrees_with_torchaudio() -> None:
    spec = importlib.util.find_spec("torchaudio")  # read, not imported: that would take seconds
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("torchaudio is not installed")
    sources = Path(spec.submodule_search_locations[0]) / "datasets"
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(sources.glob("*.py")))
    for one in known_archives():
        if one.url in text:  # another release may publish another place
            assert re.search(rf"{re.escape(one.url)}[\",:\s]*(checksum\W*)?{one.sha256}", text), one.name


def test_a_corpus_names_all_its_parts_and_each_comes_once() -> None:
    parts = find_archives(["librispeech/dev-clean", "librispeech", "cmu_arctic/slt"])
    assert [one.name for one in parts][:2] == ["librispeech/dev-clean", "librispeech/dev-other"]
    assert len(parts) == 8
    assert parts[-1].name == "cmu_arctic/slt"


def test_an_unknown_name_lists_what_is_known() -> None:
    with pytest.raises(VqaudioError, match=r"no archive 'timit' is known; the corpora are: librispeech, libritts, .*"):
        find_archives(["timit"])
    with pytest.raises(VqaudioError, match=r"'cmu_arctic/xyz' is known; its parts are: aew, ahw"):
        find_archives(["cmu_arctic/xyz"])


def test_a_beginning_of_a_name_names_nothing() -> None:
    for name in ("librispeech/dev", "libri", "cmu_arctic/", "", "librispeech/dev-clean/x"):
        with pytest.raises(VqaudioError, match="is known"):
            find_archives([name])
    names = [one.name for one in find_archives(["librispeech"])]
    assert names == [one.name for one in known_archives() if one.corpus == "librispeech"]


def test_what_is_done_is_told_of_both_steps(archive: Archive, tmp_path: Path, publisher) -> None:
    told = []
    fetch(archive, tmp_path, tell=lambda *done: told.append(done))
    size = len(publisher.files["/x/dev-clean.tar.bz2"])
    assert list(dict.fromkeys(what for what, _, _ in told)) == ["downloading", "unpacking"]
    assert told[-1] == ("unpacking", size, size)
    assert ("downloading", size, size) in told


def test_each_archive_has_its_own_download_and_record(archive: Archive, tmp_path: Path) -> None:
    """Parts of two corpora are published under one name, and parts of one corpus side by side."""
    fetch(archive, tmp_path, is_archive_kept=True)
    for other in (
        Archive("librispeech", "dev-other", ".", "LibriSpeech", archive.url.replace("clean", "other"), archive.sha256),
        Archive("libritts", "dev-clean", ".", "LibriTTS", archive.url, archive.sha256),
    ):
        assert not is_fetched(other, tmp_path)
        assert archive_path(other, tmp_path) != archive_path(archive, tmp_path)
    assert archive_path(archive, tmp_path).is_file()


def test_an_archive_is_fetched_only_where_it_and_its_speech_have_room(
    archive: Archive, tmp_path: Path, publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(publisher.files["/x/dev-clean.tar.bz2"])
    for free, has_room in ((2 * size - 1, False), (2 * size, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda place, free=free: SimpleNamespace(free=free))
        if has_room:
            fetch(archive, tmp_path)
        else:
            with pytest.raises(VqaudioError, match="unpacked, needs"):
                fetch(archive, tmp_path)
        assert is_fetched(archive, tmp_path) == has_room
