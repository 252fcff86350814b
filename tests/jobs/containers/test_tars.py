"""Archives of recordings: what is found in them by their headers, and what damage and forgery cost."""

import gzip
import io
import os
import re
import tarfile
from pathlib import Path

import pytest

from vqaudio.jobs.containers.tars import sources_in_tar
from vqaudio.jobs.sources import Source

Content = list[tuple[str, bytes]]


def pack(path: Path, members: Content, form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def content_of(source: Source) -> bytes:
    assert source.part is not None
    with open(source.path, "rb") as file:
        file.seek(source.part.start)
        return file.read(source.part.num_bytes)


def whole(sources: list[Source]) -> dict[str, bytes]:
    return {source.id: content_of(source) for source in sources if source.refusal is None}


def refused(sources: list[Source]) -> dict[str, str]:
    return {source.id: source.refusal for source in sources if source.refusal is not None}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_key_is_the_path_up_to_the_first_dot_and_what_has_no_sound_is_no_recording(tmp_path: Path, form: int) -> None:
    long = "deep/" * 15 + "n" * 90 if form != tarfile.USTAR_FORMAT else "deep/n"
    members = [
        ("./a/1.flac", b"x" * 700),
        ("a/1.cls", b"3"),
        ("2.en.WAV", b"y"),
        (f"{long}.mp3", b"z"),
        ("語.ogg", b"w"),
    ]
    sources = sources_in_tar(pack(tmp_path / "s.tar", members, form), "")
    assert whole(sources) == {"a/1": b"x" * 700, "2": b"y", long: b"z", "語": b"w"}
    assert refused(sources) == {}
    assert [source.part.suffix for source in sources if source.part] == [".flac", ".wav", ".mp3", ".ogg"]
    assert sources[0].num_bytes == 700
    assert [source.id for source in sources_in_tar(tmp_path / "s.tar", "x/s")][:2] == ["x/s/a/1", "x/s/2"]


def test_recordings_of_one_key_have_their_whole_paths_as_ids(tmp_path: Path) -> None:
    members = [
        ("1.left.wav", b"l"),
        ("1.right.wav", b"r"),
        ("2.wav", b"2"),
        ("../2.wav", b"22"),
        ("2.wav (again)", b""),
    ]
    assert whole(sources_in_tar(pack(tmp_path / "s.tar", members), "")) == {
        "1.left.wav": b"l", "1.right.wav": b"r", "2.wav": b"2", "2.wav (again)": b"22",
    }  # fmt: skip


def test_members_of_one_name_have_ids_of_their_own_however_many(tmp_path: Path) -> None:
    members = [("a.wav", b"1"), ("a.wav", b"22"), ("a.wav", b"333"), ("a.wav (again)", b"4444"), ("a.wav", b"55555")]
    sources = sources_in_tar(pack(tmp_path / "s.tar", members), "")
    assert len({source.id for source in sources}) == len(sources)
    assert len(sources) >= 4


def test_speaker_and_text_stand_in_the_json_or_the_text_of_the_key(tmp_path: Path) -> None:
    members = [
        ("a.flac", b"x"), ("a.json", b'\xef\xbb\xbf{"text": "yes", "speaker": 19, "duration": 1.5}'),
        ("b.flac", b"x"), ("b.txt", "  nö\n".encode()), ("b.json", b'{"speaker": "ann", "text": null}'),
        ("c.flac", b"x"), ("d.txt", b"nobody's"),
    ]  # fmt: skip
    sources = sources_in_tar(pack(tmp_path / "s.tar", members), "")
    assert [(s.id, s.speaker, s.text, s.refusal) for s in sources] == [
        ("a", "19", "yes", None), ("b", "ann", "nö", None), ("c", None, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{", "a.json beside it is not JSON"),
        ("a.json", b"[1]", "a.json beside it is not a JSON object"),
        ("a.json", b"[" * 100_000, "a.json beside it is not JSON"),
        ("a.json", b'{"text": ["x"]}', "text is .'x'.; wanted text"),
        ("a.txt", b"\xe9", "a.txt beside it cannot be read: 'utf-8'"),
        ("a.txt", bytes(2_000_000), "it has 2000000 bytes, wanted at most"),
    ],
)
def test_a_description_that_is_none_fails_its_recording_alone(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    sources = sources_in_tar(pack(tmp_path / "s.tar", [("a.wav", b"x"), (name, content), ("b.wav", b"y")]), "")
    assert list(whole(sources)) == ["b"]
    assert list(refused(sources)) == ["a"]
    assert re.search(said, refused(sources)["a"])


def test_links_devices_and_sparse_files_are_told_and_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for name, kind in (("a.wav", tarfile.SYMTYPE), ("b.wav", tarfile.LNKTYPE), ("c.wav", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("/abs/../../d.wav"))
    sources = sources_in_tar(tmp_path / "s.tar", "")
    assert refused(sources) == {
        "a": "a link to '/etc/passwd', and links in archives are not followed; store the recording itself",
        "b": "a link to '/etc/passwd', and links in archives are not followed; store the recording itself",
        "c": "not a regular file",
    }
    assert list(whole(sources)) == ["abs/d"]


FOUR: Content = [(f"{key}.wav", key.encode() * 1500) for key in "abcd"]


def test_a_damaged_header_costs_one_recording_and_is_told(tmp_path: Path) -> None:
    path = pack(tmp_path / "s.tar", FOUR)
    content = bytearray(path.read_bytes())
    content[2048 + 10] ^= 1  # in the header of b
    path.write_bytes(content)
    sources = sources_in_tar(path, "x/s")
    assert whole(sources) == {f"x/s/{key}": key.encode() * 1500 for key in "acd"}
    assert refused(sources) == {
        "x/s.tar": "the archive s.tar damaged from byte 2048 to 4096: what stood there is lost; fetch it again"
    }


@pytest.mark.parametrize("num_bytes", [2048 + 512 + 7, 2048 + 7])
def test_of_an_archive_that_is_cut_the_whole_recordings_stay(tmp_path: Path, num_bytes: int) -> None:
    path = pack(tmp_path / "s.tar", FOUR)
    path.write_bytes(path.read_bytes()[:num_bytes])
    sources = sources_in_tar(path, "")
    assert whole(sources) == {"a": b"a" * 1500}
    assert any("before this recording does" in said or "lost" in said for said in refused(sources).values())


def test_an_archive_without_its_end_mark_is_whole_and_so_are_two_in_a_row(tmp_path: Path) -> None:
    one, other = (pack(tmp_path / name, FOUR[at : at + 2]).read_bytes() for name, at in (("1.tar", 0), ("2.tar", 2)))
    (tmp_path / "cut.tar").write_bytes(one[:4096])
    (tmp_path / "both.tar").write_bytes(one + other)
    assert [list(whole(sources_in_tar(tmp_path / name, ""))) for name in ("cut.tar", "both.tar")] == [
        ["a", "b"],
        list("abcd"),
    ]
    assert refused(sources_in_tar(tmp_path / "cut.tar", "")) == refused(sources_in_tar(tmp_path / "both.tar", "")) == {}


def test_pax_headers_for_all_members_are_no_damage(tmp_path: Path) -> None:
    with tarfile.open(
        tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "語" * 999}
    ) as archive:
        archive.addfile(tarfile.TarInfo("a.wav"))
    assert [(s.id, s.refusal) for s in sources_in_tar(tmp_path / "s.tar", "")] == [("a", None)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"x", mtime=0), "compressed with gzip"),
        (b"\x28\xb5\x2f\xfdzzzzzzzz", "compressed with zstd"),
        (b"", "empty file"),
        (b"no archive at all", "cannot be read as an archive: truncated header"),
        (b"n" * 5_000, "no tar archive"),
        (bytes(10_240), "holds no recording"),
    ],
)
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "s.tar").write_bytes(content)
    assert list(refused(sources_in_tar(tmp_path / "s.tar", ""))) == ["s.tar"]
    assert said in refused(sources_in_tar(tmp_path / "s.tar", ""))["s.tar"]


def header(name: str, kind: bytes, size: bytes) -> bytes:
    """A header with a checksum that holds, of a size that no program writes."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157], block[148:156] = size, kind, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        (header("x", tarfile.GNUTYPE_LONGNAME, b"17777777777\0"), "a header of 2147483648 bytes"),
        (header("x", tarfile.XHDTYPE, b"\x80" + bytes(7) + b"\x7f\xff\xff\xff"), "a header of 2147483648 bytes"),
        (header("x", tarfile.REGTYPE, b"\xff" * 12), "is forged"),
        (header("x", tarfile.REGTYPE, b"\xff" * 10 + b"\xe0\x00"), "is forged"),
        (header("x", tarfile.GNUTYPE_LONGNAME, b"00000000001\0") * 3_000, "cannot be read as an archive"),
        (header("x.wav", tarfile.GNUTYPE_SPARSE, b"\x80" + b"\x7f" * 11), "stored as a sparse file"),
    ],
)
def test_a_forged_header_takes_neither_memory_nor_time_and_what_stood_before_it_stays(
    tmp_path: Path, forged: bytes, said: str
) -> None:
    path = pack(tmp_path / "s.tar", FOUR[:2])
    path.write_bytes(path.read_bytes()[:4096] + forged)
    if "a header of" in said:
        os.truncate(path, 3 << 30)  # zeros that take no room on the disk
    sources = sources_in_tar(path, "")
    assert list(whole(sources)) == ["a", "b"]
    assert said in " ".join(refused(sources).values())
