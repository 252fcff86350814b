"""The aligner on speech whose phones are known exactly."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.alignment.alignments import read_textgrid
from vqaudio.corpora.alignment.labels import label_map
from vqaudio.jobs.align import phone_aligner
from vqaudio.jobs.align.phone_aligner import PhoneAligner, UnknownWordsError, possessive_ending
from vqaudio.jobs.align.times import Alignment

pytest.importorskip("pocketsphinx", reason="needs the extra: pip install 'vqaudio[align]'")


@pytest.fixture(scope="module")
def texts(samples_dir: Path) -> dict[str, str]:
    with open(samples_dir / "metadata.csv", newline="", encoding="utf-8") as table:
        return {row["path"].removesuffix(".flac"): row["text"] for row in csv.DictReader(table)}


@pytest.fixture(scope="module")
def aligner() -> PhoneAligner:
    return PhoneAligner()


def labels(alignment: Alignment) -> list[str]:
    return [one.label for one in alignment.words if one.label]


def check_cover(alignment: Alignment, samples: np.ndarray) -> None:
    for tier in (alignment.words, alignment.phones):
        assert tier[0].start_s == 0.0
        assert tier[-1].end_s == pytest.approx(len(samples) / 16_000, abs=1e-6)
        assert all(one.start_s < one.end_s == after.start_s for one, after in pairwise(tier))


@pytest.mark.parametrize("name", ["ada/ada_1", "bruno/bruno_3"])
def test_words_are_found_in_order_and_where_they_are(
    aligner: PhoneAligner, samples_dir: Path, texts: dict[str, str], name: str
) -> None:
    samples = read_audio(samples_dir / f"{name}.flac")
    found = aligner.align(samples, texts[name])
    check_cover(found, samples)
    exact = [one for one in read_textgrid(samples_dir / f"{name}.TextGrid", "words") if one.label != "sil"]
    starts = {one.label: one.start_s for one in found.words}
    assert labels(found) == [word.strip(",.").lower() for word in texts[name].split()]
    differences_s = np.array(
        [abs(starts[one.label] - one.start_s) for one in exact if labels(found).count(one.label) == 1]
    )
    assert len(differences_s) > 4
    assert np.mean(differences_s < 0.05) > 0.7
    assert label_map("arpabet-39").map_labels(one.label for one in found.phones)
    bounds = {one.start_s for one in found.phones}
    assert bounds >= {one.start_s for one in found.words}


def test_what_was_aligned_before_does_not_matter(
    aligner: PhoneAligner, samples_dir: Path, texts: dict[str, str]
) -> None:
    samples = read_audio(samples_dir / "ada" / "ada_2.flac")
    fresh = PhoneAligner(accepts_unknown=True)
    first = fresh.align(samples, texts["ada/ada_2"])
    other = read_audio(samples_dir / "ada" / "ada_1.flac")
    assert fresh.align(other, "The zqxx boat came home before the storm").warnings
    with pytest.raises(VqaudioError, match="is this the text of this recording"):
        fresh.align(other[:3000], texts["ada/ada_2"])
    assert fresh.align(samples, texts["ada/ada_2"]) == first


def test_loudness_does_not_matter(aligner: PhoneAligner, samples_dir: Path, texts: dict[str, str]) -> None:
    samples = read_audio(samples_dir / "ada" / "ada_2.flac")
    assert aligner.align(samples / 64, texts["ada/ada_2"]).phones == aligner.align(samples, texts["ada/ada_2"]).phones


def test_a_recording_in_pieces_has_the_words_of_the_whole(
    aligner: PhoneAligner, samples_dir: Path, texts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["ada/ada_1", "ada/ada_2", "ada/ada_3"]
    sounds = [read_audio(samples_dir / f"{name}.flac") for name in names]
    samples = np.concatenate([part for sound in sounds for part in (sound, np.zeros(8000, np.float32))])
    text = " ".join(texts[name] for name in names)
    whole = aligner.align(samples, text)
    monkeypatch.setattr(phone_aligner, "LONGEST_PIECE_S", 1.0)
    monkeypatch.setattr("vqaudio.jobs.align.times.PIECE_S", 1.0)
    cut = aligner.align(samples, text)
    check_cover(cut, samples)
    assert labels(cut) == labels(whole)
    starts_s = np.array([[one.start_s for one in found.words if one.label] for found in (cut, whole)])
    assert np.mean(np.abs(starts_s[0] - starts_s[1]) < 0.05) > 0.9


def test_unknown_words_are_named_or_become_noise(samples_dir: Path) -> None:
    samples = read_audio(samples_dir / "ada" / "ada_1.flac")
    text = "The zqxx boat came home before the Qrst."
    with pytest.raises(UnknownWordsError, match="zqxx, qrst") as caught:
        PhoneAligner().align(samples, text)
    assert caught.value.words == ("zqxx", "qrst")
    found = PhoneAligner(accepts_unknown=True).align(samples, text)
    assert labels(found) == text.lower().strip(".").split()
    assert [one.label for one in found.phones].count("+SPN+") == 2
    known = PhoneAligner([("zqxx", "S M AO L"), ("qrst", "S T AO R M")]).align(samples, text)
    assert {"S", "M", "AO", "L"} <= {one.label for one in known.phones}


@pytest.mark.parametrize("text", ["", " ... ", "[laughter]"])
def test_a_text_without_words_is_an_error(aligner: PhoneAligner, text: str) -> None:
    with pytest.raises(VqaudioError, match="no words"):
        aligner.align(np.zeros(16_000, np.float32), text)


@pytest.mark.parametrize("num_samples", [1, 300])
def test_a_recording_too_short_for_its_text_is_refused(aligner: PhoneAligner, num_samples: int) -> None:
    with pytest.raises(VqaudioError, match=r"cannot find the 7 words of the text in 0\.0 s"):
        aligner.align(np.zeros(num_samples, np.float32), "the boat came home before the storm")


def test_a_possessive_is_made_of_its_owner(aligner: PhoneAligner, samples_dir: Path, texts: dict[str, str]) -> None:
    samples = read_audio(samples_dir / "ada" / "ada_1.flac")
    found = aligner.align(samples, texts["ada/ada_1"].replace("boat", "kettle's"))
    assert "kettle's" in labels(found)
    assert [possessive_ending(phones) for phones in ("B AA S", "K AE T", "D AO G")] == ["IH Z", "S", "Z"]
