"""Evaluation end to end with a tokenizer of eight-bit samples, whose quality is known in advance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.evaluate.evaluation import choose_sources, evaluate
from vqaudio.jobs.evaluate.reference_codecs import FolderCodec, TokenizerCodec, as_sixteen_bit
from vqaudio.jobs.evaluate.report import Report

RATE_HZ = 8_000
QUICK = ("mel_db", "si_sdr_db")


class DigitTokenizer:
    """Two codebooks: the first four bits of each sample and the next four.  One frame is one sample."""

    name, weights_sha256, config_sha256 = "digits", "0" * 64, ""
    num_codebooks, codebook_size = 2, 16
    grid = FrameGrid(RATE_HZ, 1)

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Codes `b 2 n`."""
        level = ((audio[:, 0] + 1) * 128).long().clamp(0, 255)
        return torch.stack([level // 16, level % 16], dim=1)[:, :num_codebooks]

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """The middle of the cell that the codes name."""
        coarse = audio_codes[:, 0] * 16 + (audio_codes[:, 1] + 0.5 if audio_codes.shape[1] > 1 else 8)
        return (coarse / 128 - 1)[:, None, :length].float()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sound files, one of them in a subfolder, and one that is no sound."""
    (tmp_path / "wavs" / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index, name in enumerate(("a.wav", "b.wav", "sub/c.wav")):
        samples = np.clip(rng.normal(0, 0.2, 3000 + 1000 * index), -1, 1)
        soundfile.write(tmp_path / "wavs" / name, samples, RATE_HZ)
    (tmp_path / "wavs" / "broken.wav").write_text("this is no sound")
    return tmp_path / "wavs"


def report_of(folder: Path, **options) -> Report:
    coder = TokenizerCodec(DigitTokenizer(), [1, 2])
    return evaluate([coder], choose_sources(folder), RATE_HZ, metrics=QUICK, **options)


def test_more_codebooks_score_better_and_rates_are_those_of_the_codes(folder: Path) -> None:
    report = report_of(folder)
    coarse, fine = report.row("digits", "1"), report.row("digits", "2")
    # A step of 2/16 or 2/256 makes an error of step / sqrt(12); the signal has an rms of 0.2.
    for row, step in ((coarse, 2 / 16), (fine, 2 / 256)):
        assert row.scores["si_sdr_db"].mean == pytest.approx(20 * np.log10(0.2 / (step / np.sqrt(12))), abs=0.7)
    assert coarse.scores["mel_db"].mean > fine.scores["mel_db"].mean
    assert (coarse.rates.nominal, fine.rates.nominal) == (32.0, 64.0)
    assert coarse.rates.entropy is not None
    assert fine.rates.entropy is not None
    assert 20 < coarse.rates.entropy < 32
    assert fine.rates.entropy > coarse.rates.entropy + 31


def test_first_codes_that_come_back_after_decoding_are_counted(folder: Path) -> None:
    report = report_of(folder)
    assert report.row("digits", "2").scores["consistency"].mean == 1.0


def test_first_codes_that_a_gain_changes_are_counted(folder: Path) -> None:
    soundfile.write(folder / "steps.wav", np.repeat([0.05, 0.2, -0.01], 1_000), RATE_HZ)
    only = [source for source in choose_sources(folder) if source.id == "steps.wav"]
    report = evaluate([TokenizerCodec(DigitTokenizer(), [2])], only, RATE_HZ, metrics=QUICK)
    # In cells of 1/8: 0.05 stays in its cell when halved and doubled, 0.2 leaves it both times, -0.01 never.
    assert report.row("digits", "2").scores["gain_flips"].mean == pytest.approx(1 / 3, abs=1e-3)


def test_a_broken_file_is_named_and_no_mean_pretends_to_cover_it(folder: Path) -> None:
    report = report_of(folder)
    assert [entry["id"] for entry in report.failures] == ["broken.wav"]
    for row in report.rows:
        for score in row.scores.values():
            assert (score.num_scored, score.num_left_out) == (3, 1)
    assert report.num_files == 4
    assert report.seconds == pytest.approx(12_000 / RATE_HZ)


def test_codebook_health_covers_every_frame(folder: Path) -> None:
    first, second = report_of(folder).codebooks
    assert first.num_frames == second.num_frames == 12_000
    assert second.perplexity > 15.9
    assert first.perplexity < 10
    assert second.used == 1.0


def test_scores_do_not_depend_on_the_number_of_scoring_processes(folder: Path) -> None:
    alone, shared = (report_of(folder, num_workers=number) for number in (0, 2))
    assert [row.setting for row in alone.rows] == [row.setting for row in shared.rows]
    for one, other in zip(alone.rows, shared.rows, strict=True):
        assert one.scores.keys() == other.scores.keys()
        for name, score in one.scores.items():  # a process of its own has one thread: sums in another order
            assert other.scores[name].mean == pytest.approx(score.mean, rel=1e-6, nan_ok=True)
            assert other.scores[name].num_scored == score.num_scored


def test_the_report_is_strict_json_without_nan(folder: Path) -> None:
    soundfile.write(folder / "silent.wav", np.zeros(2000), RATE_HZ)
    only = [source for source in choose_sources(folder) if source.id == "silent.wav"]
    report = evaluate([TokenizerCodec(DigitTokenizer(), [2])], only, RATE_HZ, metrics=QUICK)
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert found["rows"][0]["scores"]["si_sdr_db"]["mean"] is None
    assert found["rows"][0]["scores"]["si_sdr_db"]["num_left_out"] == 1


def test_a_list_chooses_files_and_a_missing_one_is_named(folder: Path) -> None:
    listed = folder.parent / "list.txt"
    listed.write_text("sub/c.wav\n\na.wav\n")
    assert [source.id for source in choose_sources(folder, listed)] == ["sub/c.wav", "a.wav"]
    listed.write_text("sub/c.wav\nnowhere.wav\n")
    with pytest.raises(VqaudioError, match=r"nowhere\.wav"):
        choose_sources(folder, listed)


def control(folder: Path, names: list[str], num_samples: int = 0) -> Path:
    """A folder of decodings: the originals at half their level."""
    place = folder.parent / "control"
    for name in names:
        samples, _ = soundfile.read(folder / name)
        (place / "half" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / "half" / name, samples[num_samples:] / 2, RATE_HZ)
    index = {"name": "control", "settings": {"quiet": {"folder": "half", "kbps": 0.5}}}
    (place / "decodings.json").write_text(json.dumps(index))
    return place


def test_decodings_on_disk_get_a_row_beside_the_codec(folder: Path) -> None:
    (folder / "broken.wav").unlink()
    coders = [
        TokenizerCodec(DigitTokenizer(), [2]),
        FolderCodec(control(folder, ["a.wav", "b.wav", "sub/c.wav"]), RATE_HZ),
    ]
    row = evaluate(coders, choose_sources(folder), RATE_HZ, metrics=QUICK).row("control", "quiet")
    assert row.rates.nominal == 0.5
    assert row.scores["mel_db"].mean == pytest.approx(6, abs=0.3)
    assert row.scores["si_sdr_db"].mean > 40


def test_a_decoding_that_is_missing_or_of_another_length_is_a_failure_of_that_coder_alone(folder: Path) -> None:
    (folder / "broken.wav").unlink()
    place = control(folder, ["a.wav"], num_samples=7)
    coders = [TokenizerCodec(DigitTokenizer(), [2]), FolderCodec(place, RATE_HZ)]
    report = evaluate(coders, choose_sources(folder), RATE_HZ, metrics=QUICK)
    assert [(entry["id"], entry["coder"]) for entry in report.failures] == [
        ("a.wav", "control"),
        ("b.wav", "control"),
        ("sub/c.wav", "control"),
    ]
    of_digits = report.row("digits", "2").scores["mel_db"]
    assert (of_digits.num_scored, of_digits.num_left_out) == (3, 0)
    assert report.row("control", "quiet").scores["mel_db"].num_left_out == 3


def test_a_folder_without_an_index_is_refused(folder: Path) -> None:
    with pytest.raises(VqaudioError, match=r"decodings\.json"):
        FolderCodec(folder, RATE_HZ)


def test_numbers_of_codebooks_that_the_codec_lacks_are_refused() -> None:
    for wrong in ([0], [1, 3], []):
        with pytest.raises(VqaudioError, match="1 to 2"):
            TokenizerCodec(DigitTokenizer(), wrong)


def test_two_rows_of_one_name_and_files_without_any_sound_are_refused(folder: Path) -> None:
    coder = TokenizerCodec(DigitTokenizer(), [1])
    with pytest.raises(VqaudioError, match="one name"):
        evaluate([coder, coder], choose_sources(folder), RATE_HZ, metrics=QUICK)
    broken = [source for source in choose_sources(folder) if source.id == "broken.wav"]
    with pytest.raises(VqaudioError, match="none of 1 files"):
        evaluate([coder], broken, RATE_HZ, metrics=QUICK)


def test_sixteen_bit_rounding_is_what_a_file_would_give_back(tmp_path: Path) -> None:
    samples = np.array([-1.5, -1.0, -0.3, 0.0, 1e-5, 0.3, 0.99999, 1.5], np.float32)
    from vqaudio.audio.files import read_audio, write_audio

    write_audio(tmp_path / "a.wav", samples, RATE_HZ)
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", RATE_HZ), as_sixteen_bit(samples))


def test_a_codec_that_hears_voices_is_told_that_of_the_original_and_says_so(folder: Path, tmp_path: Path) -> None:
    from vqaudio.codec.build import build_codec
    from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
    from vqaudio.jobs.evaluate.report import read_report
    from vqaudio.jobs.evaluate.wording import coverage_notes
    from vqaudio.quantizers.ema import EmaConfig

    config = CodecConfig(
        name="voiced",
        speaker_kind="reference",
        latent_width=8,
        window_frames=10,
        encoder=EncoderConfig(widths=(8, 16), dilations=((), (1,)), stem_bands=20),
        quantizer=EmaConfig(num_codebooks=1, codebook_size=8),
        decoder=DecoderConfig(width=16, hidden=16, phase_iterations=1),
    )
    codec = build_codec(config).train()
    codec(torch.randn(2, 1, 16_000))
    coder, samples = (
        TokenizerCodec(codec.eval().requires_grad_(False), [1]),
        np.random.default_rng(0).normal(0, 0.1, 6_400),
    )
    audio = torch.from_numpy(samples.astype(np.float32))[None, None]
    wanted = codec.decode(codec.encode(audio), 6_400, embeddings=codec.embed(audio))
    (made,) = coder.reconstruct("a", samples)
    assert np.array_equal(made.samples, as_sixteen_bit(wanted[0, 0].numpy()))
    report = evaluate([coder], choose_sources(folder), 16_000, metrics=("mel_db",))
    assert coverage_notes(report)[0] == "voiced is told who speaks: the right speaker, heard in the original"
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"weights_sha256": "0", **report.to_json()}))
    assert read_report(path)[0].notes == report.notes


def test_a_codec_that_takes_pitch_gets_that_of_the_original_and_says_so(make_voiced_codec, voice) -> None:
    codec = make_voiced_codec(pitch_steps=15)
    coder, samples = TokenizerCodec(codec, [1]), voice(np.full(6_400, 140.0)).astype(np.float32)
    audio = torch.from_numpy(samples)[None, None]
    wanted = codec.decode(codec.encode(audio), 6_400, embeddings=codec.embed(audio), pitch=codec.encode_pitch(audio))
    (made,) = coder.reconstruct("a", samples)
    assert np.array_equal(made.samples, as_sixteen_bit(wanted[0, 0].numpy()))
    assert coder.note is not None
    assert coder.note.endswith("the pitch: 200 bit/s beside the codes, which the rates leave out")


def test_progress_counts_every_file_and_every_decoding_is_shown(folder: Path) -> None:
    seconds, made = [], []
    report = report_of(
        folder, on_file=seconds.append, on_made=lambda name, coder, one: made.append((name, coder, one.setting))
    )
    assert len(seconds) == 4
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(report.seconds) == pytest.approx(1.5)
    assert made == [(name, "digits", setting) for name in ("a.wav", "b.wav", "sub/c.wav") for setting in "12"]


def test_a_source_that_is_refused_is_a_failure_and_is_not_read(folder: Path) -> None:
    sources = choose_sources(folder)
    refused = [replace(source, refusal="it is a picture") if source.id == "a.wav" else source for source in sources]
    report = evaluate([TokenizerCodec(DigitTokenizer(), [2])], refused, RATE_HZ, metrics=QUICK)
    assert {entry["id"]: entry["reason"] for entry in report.failures}["a.wav"] == "it is a picture"
    assert report.row("digits", "2").scores["mel_db"].num_left_out == 2


def test_a_list_that_names_nothing_or_is_not_there_is_refused(folder: Path) -> None:
    listed = folder.parent / "list.txt"
    listed.write_text("\n \n")
    with pytest.raises(VqaudioError, match="names 0 files"):
        choose_sources(folder, listed)
    with pytest.raises(VqaudioError, match="cannot be read"):
        choose_sources(folder, folder.parent / "none.txt")
