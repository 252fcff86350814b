"""Training logs are read as they are left behind: resumed, cut off, with lines of other kinds."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.page.training_log import read_training_log


def test_curves_are_by_event_and_a_step_passed_again_counts_as_it_was_last(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"step": 0, "event": "start", "hours": 7.5, "device": "cpu"}\n'
        '{"step": 50, "event": "train", "steps_per_s": 0.3, "spectrum": 0.5, "skipped": 0, "learning_rate": 0.2}\n'
        '{"step": 100, "event": "train", "spectrum": 0.4, "drift": 1, "adversarial": 1.5}\n'
        '{"step": 100, "event": "eval", "mel_1": 0.2, "usage": [1.0, 0.5]}\n'
        '{"step": 50, "event": "train", "spectrum": 0.45, "drift": 2, "commitment": NaN}\n'
        '{"step": 60, "event": "warning", "message": "x"}\n'
        "[1, 2]\n"
        '{"step": 150, "event": "tr'
    )
    log = read_training_log(tmp_path / "log.jsonl")
    assert log.curves == {
        "train": {"spectrum": {50: 0.45, 100: 0.4}, "drift": {50: 2, 100: 1}, "adversarial": {100: 1.5}},
        "eval": {"mel_1": {100: 0.2}},
    }
    assert all(list(curve) == sorted(curve) for curve in log.curves["train"].values())
    assert log.learning_rate == {50: 0.2}  # a panel of its own
    assert log.num_broken == 2


def test_what_is_no_training_log_is_answered(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(VqaudioError, match=r"log\.jsonl"):
        read_training_log(tmp_path / "other.jsonl")
    with pytest.raises(VqaudioError, match="none"):
        read_training_log(tmp_path / "none")
