import json
import math

from vqaudio.core.units import Interval
from vqaudio.jobs.strict_json import plain


def test_whatever_is_no_number_is_null_however_deep_it_stands():
    odd = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf}, "d": (Interval("x", 0.0, math.nan),)}
    text = json.dumps(plain(odd), allow_nan=False)
    interval = {"label": "x", "start_s": 0.0, "end_s": None}
    assert json.loads(text) == {"a": [None, [None, 1.5]], "b": {"c": None}, "d": [interval]}


def test_what_json_has_stays_as_it_is():
    value = {"a": [1, 2.5, "x", None, True], "b": {}}
    assert plain(value) == value
