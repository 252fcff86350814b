"""CMU Arctic, on a small tree of its true layout."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers import cmu_arctic


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for voice in ("cmu_us_slt_arctic", "cmu_us_aew_arctic-0.95-release"):
        for part in ("wav", "etc", "lab", "orig"):
            (tmp_path / voice / part).mkdir(parents=True)
        for name in ("wav/arctic_a0001.wav", "wav/arctic_b0539.wav", "orig/arctic_a0001.wav", "README"):
            (tmp_path / voice / name).write_text("")
        (tmp_path / voice / "etc" / "txt.done.data").write_text(
            '( arctic_a0001 "Author of the danger trail, Philip Steels, etc." )\n'
            '( arctic_a0002 "Not recorded." )\n( arctic_b0539 "He said \\"no\\"." )\n'
        )
    return tmp_path


def test_every_voice_gives_its_recordings_and_their_texts(root: Path) -> None:
    found = [(one.id, one.speaker, one.text) for one in cmu_arctic.utterances(root)]
    assert found == [
        ("aew_arctic_a0001", "aew", "Author of the danger trail, Philip Steels, etc."),
        ("aew_arctic_b0539", "aew", 'He said "no".'),
        ("slt_arctic_a0001", "slt", "Author of the danger trail, Philip Steels, etc."),
        ("slt_arctic_b0539", "slt", 'He said "no".'),
    ]


def test_one_voice_is_its_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = list(cmu_arctic.utterances(root, voice="slt"))
    assert alone == list(cmu_arctic.utterances(root / "cmu_us_slt_arctic"))
    monkeypatch.chdir(root / "cmu_us_slt_arctic")
    assert [one.id for one in cmu_arctic.utterances(".")] == [one.id for one in alone]


def test_a_recording_without_a_text_is_kept(root: Path) -> None:
    (root / "cmu_us_slt_arctic/etc/txt.done.data").unlink()
    assert [one.text for one in cmu_arctic.utterances(root, voice="slt")] == [None, None]


def test_errors_name_the_voices_or_the_line(root: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no CMU Arctic voice 'bdl' .* voices: aew, slt"):
        list(cmu_arctic.utterances(root, voice="bdl"))
    (root / "cmu_us_slt_arctic/etc/txt.done.data").write_text('\n( arctic_a0001 "cut\n')
    with pytest.raises(VqaudioError, match=r"line 2 of .*txt\.done\.data"):
        list(cmu_arctic.utterances(root, voice="slt"))


def test_a_folder_of_a_voices_name_without_recordings_is_no_voice(root: Path) -> None:
    whole = list(cmu_arctic.utterances(root))
    (root / "cmu_us_bdl_arctic" / "etc").mkdir(parents=True)
    assert list(cmu_arctic.utterances(root)) == whole
    with pytest.raises(VqaudioError, match=r"no CMU Arctic voice 'bdl' .* voices: aew, slt"):
        list(cmu_arctic.utterances(root, voice="bdl"))
