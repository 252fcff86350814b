"""Which recordings a page takes, and what it keeps of each."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.reference_codecs import TokenizerCodec
from vqaudio.jobs.page import listening
from vqaudio.jobs.page.listening import listen, spread
from vqaudio.jobs.sources import Source, find_sources

RATE_HZ = 16_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings shorter and longer than a page takes, and one that is no sound."""
    rng = np.random.default_rng(0)
    for name, num_samples in (("a.wav", 5001), ("b.wav", 20_000)):
        soundfile.write(tmp_path / name, rng.normal(0, 0.2, num_samples).clip(-1, 1), RATE_HZ)
    (tmp_path / "c.wav").write_text("no sound")
    return tmp_path


def test_recordings_are_taken_evenly_from_the_whole_list() -> None:
    sources = [Source(str(index), "") for index in range(10)]
    assert [source.id for source in spread(sources, 3)] == ["0", "3", "6"]
    assert spread(sources, 10) == spread(sources, 99) == sources
    with pytest.raises(VqaudioError, match="one utterance"):
        spread(sources, 0)


def test_versions_are_those_of_the_whole_file_cut_to_frames(
    folder: Path, tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LONGEST_S", 1.01)
    coders = [TokenizerCodec(tokenizer, [1, 2])]
    heard = listen(tokenizer, coders, find_sources(folder))
    short, long = heard.utterances
    assert (len(short.original), len(long.original)) == (5001, 16_000)  # 50.5 frames are 50
    assert (len(short.first_codes), len(long.first_codes)) == (16, 50)
    for utterance in heard.utterances:
        whole = read_audio(folder / utterance.id, RATE_HZ)
        wanted = {made.setting: made.samples for made in coders[0].reconstruct(utterance.id, whole)}
        assert [version.setting for version in utterance.versions] == ["1", "2"]
        for version in utterance.versions:
            np.testing.assert_array_equal(version.samples, wanted[version.setting][: len(utterance.original)])
        np.testing.assert_array_equal(utterance.original, whole[: len(utterance.original)])
    assert [entry["id"] for entry in heard.failures] == ["c.wav"]


def test_a_folder_of_which_nothing_can_be_heard_is_an_error(folder: Path, tokenizer) -> None:
    with pytest.raises(VqaudioError, match="none of 1 files"):
        listen(tokenizer, [], [source for source in find_sources(folder) if source.id == "c.wav"])


def test_a_coder_that_cannot_do_a_file_is_named_and_the_others_stay(folder: Path, tokenizer) -> None:
    class Refusing:
        name, settings = "refusing", ("1",)

        def reconstruct(self, source_id: str, reference: np.ndarray):
            raise VqaudioError("not today")
            yield

        def rates(self) -> dict:
            return {}

    sources = [source for source in find_sources(folder) if source.id == "a.wav"]
    heard = listen(tokenizer, [Refusing(), TokenizerCodec(tokenizer, [2])], sources)
    assert heard.failures == ({"id": "a.wav", "coder": "refusing", "reason": "not today"},)
    assert [version.coder for version in heard.utterances[0].versions] == [tokenizer.name]
