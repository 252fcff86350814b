"""Archives, honest and hostile: what is unpacked lies in the folder asked for."""

import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.fetch.unpacking import unpack

FILES = {"corpus/a/1.wav": b"one", "corpus/b/c/2.wav": b"two", "readme": b"read"}


def make_zip(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, target in (links or {}).items():
            one = zipfile.ZipInfo(name)
            one.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(one, target)
    return path


def make_tar(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None, kind=tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            one = tarfile.TarInfo(name)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
        for name, target in (links or {}).items():
            one = tarfile.TarInfo(name)
            one.type, one.linkname = kind, target
            archive.addfile(one)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    assert not any(path.is_symlink() for path in found.values())
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_files_come_out_as_they_went_in_and_twice_is_the_same(make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"./" + name: data for name, data in FILES.items()})
    for _ in range(2):
        told: list[tuple[int, int]] = []
        unpacked = unpack(archive, tmp_path / "out", tell=lambda done, total, told=told: told.append((done, total)))
        assert tree(tmp_path / "out") == FILES
        assert unpacked == (("corpus", "corpus/a", "corpus/b"), ())
        assert told[-1][0] <= told[-1][1] == archive.stat().st_size


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..", "a/b/../../../evil"])
def test_a_name_that_leads_out_is_refused(make, name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"good": b"", name: b"bad"})
    with pytest.raises(VqaudioError, match=r"is refused: its member .* leads out of the folder"):
        unpack(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/evil").exists()


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("target", ["/etc", "../outside", "../../outside"])
def test_a_link_that_leads_out_is_refused(make, target: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    archive = make(tmp_path / "a", {"good": b""}, {"door": target})
    with pytest.raises(VqaudioError, match="leads out"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out" / "door").exists()


def test_a_file_below_a_link_is_not_written_through_it(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        link, file = tarfile.TarInfo("door"), tarfile.TarInfo("door/evil")
        link.type, link.linkname = tarfile.SYMTYPE, "inside"
        file.size = 3
        tar.addfile(link)
        tar.addfile(file, io.BytesIO(b"bad"))
    unpacked = unpack(archive, tmp_path / "out")
    assert unpacked.left_out == ("door",)
    assert tree(tmp_path / "out") == {"door/evil": b"bad"}


@pytest.mark.parametrize(("make", "kind"), [(make_zip, None), (make_tar, tarfile.SYMTYPE), (make_tar, tarfile.LNKTYPE)])
def test_links_to_members_become_copies_and_others_are_told(make, kind, tmp_path: Path) -> None:
    from_top = kind == tarfile.LNKTYPE
    links = {"corpus/a/same": "corpus/a/1.wav" if from_top else "1.wav", "gone": "nothing"}
    archive = make(tmp_path / "a", FILES, links, *([kind] if kind else []))
    unpacked = unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {**FILES, "corpus/a/same": b"one"}
    assert unpacked.left_out == ("gone",)


def test_a_device_is_never_made(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", FILES, {"pipe": ""}, tarfile.FIFOTYPE)
    assert unpack(archive, tmp_path / "out").left_out == ("pipe",)
    assert tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_damaged_archive_is_one_sentence(make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {name: data * 10_000 for name, data in FILES.items()})
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(VqaudioError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")


def test_a_zip_that_does_not_fit_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_zip(tmp_path / "a", {"big": b"0" * 2000})
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1999))
    with pytest.raises(VqaudioError, match=r"unpacking .* needs"):
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip", "zip deflated"])
def test_a_damaged_archive_is_answered_in_a_sentence(mode: Any, tmp_path: Path) -> None:
    archive, files = tmp_path / "a", {f"corpus/{number}.wav": bytes(range(256)) * 8 for number in range(20)}
    if mode.startswith("zip"):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED if "deflated" in mode else zipfile.ZIP_STORED) as made:
            for name, data in files.items():
                made.writestr(name, data)
    else:
        with tarfile.open(archive, mode, format=tarfile.PAX_FORMAT) as made:
            for name, data in files.items():
                one = tarfile.TarInfo(name + "\u00e9" * 90)
                one.size = len(data)
                made.addfile(one, io.BytesIO(data))
    whole, num_refused = archive.read_bytes(), 0
    for seed in range(120):
        generator = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for place in generator.integers(len(whole), size=3):
            damaged[place] = generator.integers(256)
        archive.write_bytes(damaged[: generator.integers(1, len(whole))] if seed % 3 == 0 else damaged)
        try:
            unpack(archive, tmp_path / f"out{seed}")
        except VqaudioError:
            num_refused += 1
    assert num_refused > 20


@pytest.mark.parametrize("name", ["a\0b.wav", "x" * 5_000])
def test_a_name_that_no_disk_takes_is_answered_in_a_sentence(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        one = tarfile.TarInfo("a")
        one.pax_headers = {"path": name}
        archive.addfile(one)
    with pytest.raises(VqaudioError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
