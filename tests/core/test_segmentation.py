import json
from dataclasses import replace

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting


@pytest.mark.parametrize("setting", [SegmentSetting(), SegmentSetting(0.1 + 0.2, 1, 7.5, None)])
def test_a_setting_comes_back_from_json(setting):
    assert SegmentSetting.from_json(json.loads(json.dumps(setting.to_json()))) == setting


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [4.0],
        {"penalty": 4.0},
        {**SegmentSetting().to_json(), "later": 1},
        {**SegmentSetting().to_json(), "penalty": "4"},
        {**SegmentSetting().to_json(), "penalty": True},
        {**SegmentSetting().to_json(), "max_delay_frames": 50.0},
    ],
)
def test_what_is_no_setting_is_refused_in_words(wrong):
    with pytest.raises(VqaudioError, match="segments have the setting"):
        SegmentSetting.from_json(wrong)


@pytest.mark.parametrize(
    "change",
    [{"penalty": -1.0}, {"penalty": float("nan")}, {"off_peak": 0.5}, {"softness": 0.0}, {"softness": float("inf")}],
)
def test_costs_that_make_no_sense_are_refused(change):
    with pytest.raises(VqaudioError, match="segments want a penalty"):
        replace(SegmentSetting(), **change)


def test_a_frame_is_not_decided_before_its_peak_is_known():
    with pytest.raises(VqaudioError, match="2 frames later"):
        SegmentSetting(max_delay_frames=1)
