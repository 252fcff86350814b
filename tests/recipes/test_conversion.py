"""The benchmark of conversions and the table of speakers, end to end on voices of noise."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig, DecoderConfig
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.errors import VqaudioError

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three voices of six recordings each, every third for training; phones by the quarter of a second."""
    root, lines, marks = tmp_path_factory.mktemp("corpus"), ["path,speaker,split"], []
    generator = np.random.default_rng(0)
    places, corners = np.linspace(0, 29, 8_001), generator.uniform(0.2, 1, (3, 30))
    shapes = [np.interp(places, np.arange(30), one) for one in corners]
    for number in range(18):
        voice, split = number % 3, "train" if number >= 12 else "eval"
        samples = np.fft.irfft(np.fft.rfft(generator.normal(0, 0.1, 16_000)) * shapes[voice], n=16_000)
        samples[12_000:] *= 1e-3
        soundfile.write(root / f"{number:02}.wav", samples, 16_000)
        lines.append(f"{number:02}.wav,voice{voice},{split}")
        for at, phone in enumerate(("AA", "S", "AA", "SIL")):
            marks.append(f"{number:02} 1 {at / 4:.2f} 0.25 {phone}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    (root / "labels").mkdir()
    (root / "labels" / "all.phones.ctm").write_text("\n".join(marks) + "\n")
    return root


@pytest.fixture
def codec_folder(make_voiced_codec, tmp_path: Path) -> Path:
    save_codec(make_voiced_codec(), tmp_path / "codec")
    return tmp_path / "codec"


def test_recordings_have_their_own_voice_in_the_table_of_conversions(
    script, corpus: Path, codec_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--speech", str(corpus), "--alignments", str(corpus / "labels"), "--codec", str(codec_folder)]
    module, before = script("benchmarks/conversion.py"), torch.get_num_threads()
    try:
        module.main([*command, "--utterances", "4", "--json", str(tmp_path / "found.json")])
    finally:
        torch.set_num_threads(before)
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [row["name"] for row in rows] == list(module.NAMES)
    assert (rows[0]["taken_for_source"], rows[0]["taken_for_target"]) == (1.0, 0.0)
    assert [row["mapping"]["num_frames"] for row in rows] == [200] * 4
    told = capsys.readouterr().out
    assert "10 of 10 alignments used" in told
    assert "6 recordings of 3 speakers; chance 33.3%" in told
    assert "the bar of 10" in told


def test_half_of_the_recordings_is_enrolled_and_the_others_come_in_turn(script, corpus: Path) -> None:
    module = script("benchmarks/conversion.py")
    utterances = module.read_corpus("manifest", corpus, split="eval")
    enrolled, others = module.halves(utterances)
    assert [one.speaker for one in others] == ["voice0", "voice1", "voice2"] * 2
    assert not {one.id for one in others} & {one.id for found in enrolled.values() for one in found}
    with pytest.raises(VqaudioError, match="two speakers with 4 recordings"):
        module.halves(utterances[::3])


def test_a_codec_is_told_the_speakers_of_a_corpus(script, corpus: Path, codec_folder: Path) -> None:
    script("speaker_table.py").main([str(codec_folder), "--root", str(corpus), "--split", "train"])
    known = open_codec(codec_folder).known_speakers
    assert known is not None
    assert known.names == ("voice0", "voice1", "voice2")
    assert known.embeddings.shape == (3, 4)


def test_rows_of_a_table_are_named(script, corpus: Path, codec_folder: Path, tmp_path: Path) -> None:
    module = script("speaker_table.py")
    (tmp_path / "names.txt").write_text("ada\nben\n")
    with pytest.raises(VqaudioError, match="has no table of speakers"):
        module.main([str(codec_folder), "--names", str(tmp_path / "names.txt")])
    config = CodecConfig(name="tabled", num_speakers=3, speaker_width=4, decoder=DecoderConfig(width=16, hidden=16))
    codec = build_codec(config)
    save_codec(codec, tmp_path / "tabled")
    module.main([str(tmp_path / "tabled"), "--names", str(tmp_path / "names.txt")])
    opened = open_codec(tmp_path / "tabled")
    assert opened.known_speakers is not None
    assert opened.decoder.conditioning is not None
    assert torch.equal(opened.known_speakers.find("ben")[0], opened.decoder.conditioning.table[1])
