"""`vqaudio tokenize` on files that ffmpeg decodes: in a folder, as segments and in an archive, and without ffmpeg."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from vqaudio.cli.main import main
from vqaudio.tokens.store import TokenStore

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def as_m4a(recordings: Path, target: Path) -> Path:
    """Every recording in Apple's lossless format."""
    for path in sorted(recordings.rglob("*.*")):
        out = (target / path.relative_to(recordings)).with_suffix(".m4a")
        out.parent.mkdir(parents=True, exist_ok=True)
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-c:a", "alac", str(out)]
        subprocess.run(command, check=True)
    return target


@needs_ffmpeg
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_store_is_that_of_the_same_sound_in_plain_files(
    tokenize, recordings: Path, reference: dict, tmp_path: Path, workers: str
) -> None:
    wanted = {name.rsplit(".", 1)[0]: codes for name, codes in reference.items()}
    folder = as_m4a(recordings, tmp_path / "m4a")
    assert tokenize(folder, "tokens", "--workers", workers) == (0, {f"{key}.m4a": wanted[key] for key in wanted})
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        archive.add(folder, "./")
    assert tokenize(tmp_path / "s.tar", "packed", "--workers", workers) == (0, wanted)


@needs_ffmpeg
def test_a_segment_has_the_codes_of_that_of_a_plain_file(tiny_codec: Path, recordings: Path, tmp_path: Path) -> None:
    folder = as_m4a(recordings, tmp_path / "m4a")
    found = []
    for sound in (recordings / "speaker1" / "09.wav", folder / "speaker1" / "09.m4a"):
        manifest, out = tmp_path / f"{sound.suffix}.csv", tmp_path / f"tokens{sound.suffix}"
        manifest.write_text(f"path,id,start,duration\n{sound},a,0.03,0.25\n")
        command = ["tokenize", "--manifest", manifest, "--out", out, "--codec", tiny_codec, "--workers", 0, "--quiet"]
        assert main([str(word) for word in command]) == 0
        found.append([(row.codes.tolist(), row.num_samples) for row in TokenStore.open(out)])
    assert found[0] == found[1]
    assert found[0][0][1] == 4_000


def test_without_ffmpeg_a_file_fails_by_its_name_and_says_what_to_install(
    tokenize, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(recordings, tmp_path / "wavs")
    (tmp_path / "wavs" / "talk.webm").write_bytes(b"x")
    monkeypatch.setenv("PATH", "")
    status, codes = tokenize(tmp_path / "wavs")
    assert (status, len(codes)) == (2, 10)
    [failure] = TokenStore.open(tmp_path / "tokens").failures()
    assert (failure["id"], failure["reason"]) == (
        "talk.webm",
        "libsndfile does not read .webm, and ffmpeg, which does, is not installed; try: apt-get install ffmpeg",
    )
