"""Downloads over a good and a bad connection: whole with the right digits, or not there."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.fetch import downloads
from vqaudio.corpora.fetch.downloads import download

WHOLE = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def url(publisher) -> str:
    publisher.files["/a.tar"] = WHOLE
    return f"{publisher.url}/a.tar"


def test_a_download_is_whole_and_leaves_nothing_else(publisher, url: str, tmp_path: Path) -> None:
    told = []
    download(url, tmp_path / "new" / "a.tar", SHA256, tell=lambda done, total: told.append((done, total)))
    assert (tmp_path / "new" / "a.tar").read_bytes() == WHOLE
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.tar"]
    assert told[-1] == (300_000, 300_000)
    assert publisher.asked == [("/a.tar", None)]


def test_a_cut_connection_is_taken_up_where_it_ended(publisher, url: str, tmp_path: Path) -> None:
    publisher.cut_after = 120_000
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE
    assert [one for _, one in publisher.asked] == [None, "bytes=120000-", "bytes=240000-"]


def test_what_an_earlier_run_left_is_not_fetched_again(publisher, url: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar.part").write_bytes(WHOLE[:200_000])
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE
    assert publisher.asked == [("/a.tar", "bytes=200000-")]


def test_a_run_killed_before_the_last_step_asks_for_nothing(publisher, url: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar.part").write_bytes(WHOLE)
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE
    assert publisher.asked == []


def test_a_server_that_cannot_begin_in_the_middle_sends_all_again(publisher, url: str, tmp_path: Path) -> None:
    publisher.has_ranges = False
    (tmp_path / "a.tar.part").write_bytes(WHOLE[:200_000])
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE


def test_a_part_longer_than_the_file_is_begun_anew(publisher, url: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar.part").write_bytes(b"x" * 400_000)
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE


def test_a_connection_that_brings_nothing_more_is_given_up_and_the_part_is_kept(
    publisher, url: str, tmp_path: Path
) -> None:
    publisher.has_ranges, publisher.cut_after = False, 100_000
    with pytest.raises(VqaudioError, match="the connection was cut; 100,000 bytes are kept, run the command again"):
        download(url, tmp_path / "a.tar", SHA256)
    assert len(publisher.asked) <= 2 * downloads.MAX_ATTEMPTS
    assert (tmp_path / "a.tar.part").read_bytes() == WHOLE[:100_000]
    assert not (tmp_path / "a.tar").exists()


def test_a_connection_that_brings_a_little_each_time_is_never_given_up(publisher, url: str, tmp_path: Path) -> None:
    publisher.cut_after = len(WHOLE) // (3 * downloads.MAX_ATTEMPTS)
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE
    assert len(publisher.asked) == 3 * downloads.MAX_ATTEMPTS


def test_attempts_are_counted_anew_after_progress(publisher, url: str, tmp_path: Path) -> None:
    """Twice all attempts but one bring nothing, with some bytes between."""
    busy = [503] * (downloads.MAX_ATTEMPTS - 1)
    (tmp_path / "a.tar.part").write_bytes(WHOLE[:100_000])
    publisher.refusals, publisher.cut_after = list(busy), 50_000

    def tell(num_bytes: int, total: int | None) -> None:
        if num_bytes == 150_000:
            publisher.refusals = list(busy[:-1])

    download(url, tmp_path / "a.tar", SHA256, tell=tell)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE


def test_wrong_bytes_are_kept_out_and_both_sums_are_told(publisher, url: str, tmp_path: Path) -> None:
    publisher.files["/a.tar"] = WHOLE[:-1] + b"\0"
    found = hashlib.sha256(publisher.files["/a.tar"]).hexdigest()
    with pytest.raises(VqaudioError, match=f"SHA-256 {found}, wanted {SHA256}; it was deleted"):
        download(url, tmp_path / "a.tar", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_known_before_a_byte_is_written(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(VqaudioError, match=r"unpacked, needs 0\.00 GB in .*, and 0\.00 GB are free"):
        download(url, tmp_path / "a.tar", SHA256, unpacked_share=1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_space_asked_for_is_what_is_missing_and_what_is_unpacked(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_free(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))

    (tmp_path / "a.tar.part").write_bytes(WHOLE[:200_000])
    with_free(399_999)
    with pytest.raises(VqaudioError, match="make room"):
        download(url, tmp_path / "a.tar", SHA256, unpacked_share=1.0)
    with_free(400_000)
    download(url, tmp_path / "a.tar", SHA256, unpacked_share=1.0)


def test_a_server_that_is_busy_is_asked_again_and_a_missing_file_is_not(publisher, url: str, tmp_path: Path) -> None:
    publisher.refusals = [503, 429]
    download(url, tmp_path / "a.tar", SHA256)
    assert len(publisher.asked) == 3
    with pytest.raises(VqaudioError, match=r"b\.tar: the server says 404 Not Found; it may have moved"):
        download(f"{publisher.url}/b.tar", tmp_path / "b.tar", SHA256)
    assert len(publisher.asked) == 4


def test_no_server_at_all_is_one_sentence(tmp_path: Path, publisher) -> None:
    with pytest.raises(VqaudioError, match=r"http://127\.0\.0\.1:1/a\.tar: .*refused; 0 bytes are kept"):
        download("http://127.0.0.1:1/a.tar", tmp_path / "a.tar", SHA256)


def test_a_disk_that_fills_up_is_not_taken_for_a_bad_connection(
    publisher, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tar.part").mkdir()
    with pytest.raises(VqaudioError, match=r"a\.tar\.part cannot be written: Is a directory"):
        download(url, tmp_path / "a.tar", SHA256)
    assert len(publisher.asked) == 1


def test_a_file_whose_length_is_not_told_comes_whole(publisher, url: str, tmp_path: Path) -> None:
    publisher.length = None
    download(url, tmp_path / "a.tar", SHA256)
    assert (tmp_path / "a.tar").read_bytes() == WHOLE


def test_without_a_length_the_disk_is_not_filled(
    publisher, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.length = None
    monkeypatch.setattr(downloads, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda place: SimpleNamespace(free=100_000 - sum(p.stat().st_size for p in place.iterdir())),
    )
    with pytest.raises(VqaudioError, match=r"a\.tar, unpacked, needs .*are free there; make room"):
        download(url, tmp_path / "a.tar", SHA256, unpacked_share=1.0)
    assert (tmp_path / "a.tar.part").stat().st_size <= 50_000


def test_what_never_ends_is_given_up_and_deleted(
    publisher, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(downloads, "MAX_BYTES", 100_000)
    for length in (None, ""):
        publisher.length = length
        with pytest.raises(VqaudioError, match=r"more than 0\.0001 GB, which no known archive has"):
            download(url, tmp_path / "a.tar", SHA256)
        assert not any(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("length", ["many", "-5", "1e5", "0x20", "9" * 5_000])
def test_a_length_that_is_none_is_answered_in_a_sentence(publisher, url: str, tmp_path: Path, length: str) -> None:
    publisher.length = length
    with pytest.raises(VqaudioError, match=r"a\.tar"):
        download(url, tmp_path / "a.tar", SHA256)


@pytest.mark.parametrize(("code", "num_asked"), [(408, 2), (429, 2), (500, 2), (503, 2), (403, 1), (410, 1), (499, 1)])
def test_only_what_may_help_is_tried_again(publisher, url: str, tmp_path: Path, code: int, num_asked: int) -> None:
    publisher.refusals = [code]
    if num_asked == 2:
        download(url, tmp_path / "a.tar", SHA256)
    else:
        with pytest.raises(VqaudioError, match=f"the server says {code} .*; it may have moved"):
            download(url, tmp_path / "a.tar", SHA256)
    assert len(publisher.asked) == num_asked


def test_pauses_double_and_the_last_attempt_has_none(
    publisher, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses_s: list[float] = []
    monkeypatch.setattr(downloads, "FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(downloads.time, "sleep", pauses_s.append)
    publisher.refusals = [503] * downloads.MAX_ATTEMPTS
    with pytest.raises(VqaudioError, match=r"the server says 503 .*; 0 bytes are kept"):
        download(url, tmp_path / "a.tar", SHA256)
    assert len(publisher.asked) == downloads.MAX_ATTEMPTS
    assert pauses_s == [2.0**attempt for attempt in range(downloads.MAX_ATTEMPTS - 1)]
    publisher.refusals = [503] * (downloads.MAX_ATTEMPTS - 1)
    download(url, tmp_path / "a.tar", SHA256)


def test_the_largest_length_is_taken_and_a_byte_more_is_not(
    publisher, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", len(WHOLE) - 1)
    with pytest.raises(VqaudioError, match="which no known archive has"):
        download(url, tmp_path / "a.tar", SHA256)
    monkeypatch.setattr(downloads, "MAX_BYTES", len(WHOLE))
    download(url, tmp_path / "a.tar", SHA256)


def test_as_many_bytes_as_are_free_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=2_500_000_000))
    downloads.check_space(tmp_path, 2_500_000_000, "a")
    with pytest.raises(VqaudioError, match=r"^a needs 2\.51 GB in .*, and 2\.50 GB are free there"):
        downloads.check_space(tmp_path, 2_510_000_000, "a")
