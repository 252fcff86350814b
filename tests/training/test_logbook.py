"""The log of a run: one line a report, none twice, and what TensorBoard shows."""

import json

import numpy as np
import pytest

from vqaudio.training.logbook import Logbook, mel_picture


def steps(folder):
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_that_goes_on_from_a_checkpoint_logs_no_step_twice(tmp_path):
    with Logbook(tmp_path, num_steps=40) as logbook:
        for step in (10, 20, 30):
            logbook.report(step, "train", {"loss": 1.0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 15, "event": "tr')  # a kill cut it off
    with Logbook(tmp_path, num_steps=40, first_step=20) as logbook:
        for step in (30, 40):
            logbook.report(step, "train", {"loss": 2.0})
    assert steps(tmp_path) == [10, 20, 30, 40]


def test_lines_of_others_stay_in_the_log(tmp_path):
    (tmp_path / "log.jsonl").write_text('not JSON\n{"note": 1}\n{"step": Infinity}\n{"step": 5}\n')
    with Logbook(tmp_path, num_steps=40, first_step=4):
        pass
    assert (tmp_path / "log.jsonl").read_text() == 'not JSON\n{"note": 1}\n{"step": Infinity}\n'


def test_a_report_in_a_file_is_one_line_however_long(tmp_path, capsys):
    with Logbook(tmp_path, num_steps=10) as logbook:
        logbook.report(5, "train", {f"loss_{number}": 0.25 for number in range(60)})
        logbook.warn(5, "word " * 60)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "loss_59 0.25" in lines[0]


def test_tensorboard_has_a_curve_for_each_codebook_and_sound_with_its_picture(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sound = (np.sin(np.arange(8_000) / 3) / 2).astype(np.float32)
    with Logbook(tmp_path, num_steps=10) as logbook:
        assert logbook.has_pictures
        logbook.report(5, "eval", {"loss": 1.5, "usage": [0.5, 1.0], "device": "cpu"})
        logbook.show(5, {"speech_0/recorded": sound}, 16_000)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert set(tags["scalars"]) == {"eval/loss", "eval/usage/0", "eval/usage/1"}
    assert events.Scalars("eval/usage/1")[0].value == 1.0
    assert tags["images"] == tags["audio"] == ["speech_0/recorded"]
    assert events.Audio("speech_0/recorded")[0].sample_rate == 16_000


def test_a_process_that_keeps_no_log_shows_nothing(tmp_path):
    with Logbook(tmp_path / "other", num_steps=10, is_active=False) as logbook:
        assert not logbook.has_pictures
        logbook.show(5, {"speech": np.zeros(8_000, dtype=np.float32)}, 16_000)
    assert not (tmp_path / "other").exists()


def test_a_picture_has_low_tones_at_its_bottom_and_silence_dark():
    time_s = np.arange(16_000) / 16_000
    low, high = (mel_picture(np.sin(2 * np.pi * hz * time_s).astype(np.float32), 16_000) for hz in (200, 6_000))
    assert low.dtype == np.uint8
    assert low.mean(axis=1).argmax() > high.mean(axis=1).argmax()
    assert not mel_picture(np.zeros(16_000, dtype=np.float32), 16_000).any()
