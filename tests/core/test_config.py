import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, Optional

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.config import between, chosen_from, from_mapping, load_config, renamed_from, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.core.overlays import merge


@dataclass(frozen=True)
class Optimiser:
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float | None = None


@dataclass(frozen=True)
class Run:
    name: str
    steps: int = 10
    resume: bool = False
    strides: tuple[int, ...] = (4, 4)
    weights: dict[str, float] = field(default_factory=dict)
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: Optional[int] = None  # noqa: UP045 (both spellings of "or nothing" are read)
    optimiser: Optimiser = field(default_factory=Optimiser)
    decoder: Optimiser | None = None
    free: Any = None


FLOATS = st.floats(allow_nan=False)
OPTIMISERS = st.builds(Optimiser, rate=FLOATS, betas=st.tuples(FLOATS, FLOATS), clip=st.none() | FLOATS)
RUNS = st.builds(
    Run,
    name=st.text(),
    steps=st.integers(),
    resume=st.booleans(),
    strides=st.lists(st.integers()).map(tuple),
    weights=st.dictionaries(st.text(), FLOATS),
    precision=st.sampled_from(["float32", "bfloat16"]),
    seed=st.none() | st.integers(),
    optimiser=OPTIMISERS,
    decoder=st.none() | OPTIMISERS,
)


@given(RUNS)
def test_a_config_survives_yaml_and_json(run):
    assert from_mapping(Run, yaml.safe_load(yaml.safe_dump(to_mapping(run)))) == run
    assert from_mapping(Run, json.loads(json.dumps(to_mapping(run)))) == run


def test_what_is_written_holds_only_dictionaries_lists_and_scalars():
    written = to_mapping(Run("a", decoder=Optimiser(betas=(0.5, 0.9))))
    assert written["strides"] == [4, 4]
    assert written["decoder"] == {"rate": 1e-3, "betas": [0.5, 0.9], "clip": None}


def test_what_is_not_said_keeps_its_default():
    assert from_mapping(Run, {"name": "a", "optimiser": {"clip": 1}}) == Run("a", optimiser=Optimiser(clip=1.0))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-3", 1e-3), ("3", 3.0), ("2.5E+2", 250.0), (".5e1", 5.0), ("-1e2", -100.0), (".inf", math.inf)],
)
def test_every_spelling_of_a_number_is_a_float(written, meant):
    rate = from_mapping(Run, {"name": "a", "optimiser": {"rate": yaml.safe_load(written)}}).optimiser.rate
    assert (rate, type(rate)) == (meant, float)


def test_lists_become_tuples_and_whole_numbers_floats_inside_them():
    run = from_mapping(Run, {"name": "a", "strides": [8, 5], "weights": {"mel": 15}, "optimiser": {"betas": [0, 1]}})
    assert (run.strides, run.weights, run.optimiser.betas) == ((8, 5), {"mel": 15.0}, (0.0, 1.0))
    assert {type(beta) for beta in run.optimiser.betas} == {float}


def test_an_unknown_key_answers_with_the_close_one_and_the_valid_ones():
    with pytest.raises(VqaudioError) as error:
        from_mapping(Run, {"name": "a", "optimiser": {"rat": 1}})
    assert str(error.value) == (
        "unknown key 'optimiser.rat'; did you mean 'rate'? Valid keys of optimiser: rate, betas, clip"
    )


def test_a_key_like_no_other_still_lists_the_valid_ones():
    with pytest.raises(VqaudioError, match=r"unknown key 'zzz'\. Valid keys of the config: name, steps"):
        from_mapping(Run, {"name": "a", "zzz": 1})


def test_every_missing_key_is_named_at_once():
    @dataclass(frozen=True)
    class Two:
        one: int
        other: int

    with pytest.raises(VqaudioError, match=r"model lacks model\.one, model\.other"):
        from_mapping(Two, {}, where="model")


@pytest.mark.parametrize(
    ("mapping", "key", "value", "wanted"),
    [
        ({"steps": 1.5}, "steps", "1.5 (float)", "int"),
        ({"steps": True}, "steps", "True (bool)", "int"),
        ({"steps": "1e3"}, "steps", "'1e3' (str)", "int"),
        ({"resume": 1}, "resume", "1 (int)", "bool"),
        ({"resume": None}, "resume", "null", "bool"),
        ({"name": 16}, "name", "16 (int)", "str; put it in quotes"),
        ({"optimiser": {"rate": "fast"}}, "optimiser.rate", "'fast' (str)", "float"),
        ({"optimiser": {"rate": True}}, "optimiser.rate", "True (bool)", "float"),
        ({"optimiser": {"betas": [1]}}, "optimiser.betas", "[1] (list)", "tuple[float, float]"),
        ({"optimiser": [1]}, "optimiser", "[1] (list)", "section"),
        ({"decoder": {"clip": "no"}}, "decoder.clip", "'no' (str)", "float or null"),
        ({"strides": [4, "x"]}, "strides[1]", "'x' (str)", "int"),
        ({"weights": {"mel": None}}, "weights.mel", "null", "float"),
        ({"weights": [1]}, "weights", "[1] (list)", "dict[str, float]"),
        ({"precision": "float16"}, "precision", "'float16' (str)", "bfloat16"),
        ({"seed": "one"}, "seed", "'one' (str)", "int or null"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_the_type_wanted(mapping, key, value, wanted):
    with pytest.raises(VqaudioError) as error:
        from_mapping(Run, {"name": "a", **mapping})
    message = str(error.value)
    assert message.startswith(f"{key} must be ")
    assert value in message
    assert all(part in message for part in wanted.split("; "))


def test_a_file_and_its_overrides_become_one_config(tmp_path):
    (tmp_path / "base.yaml").write_text("name: base\noptimiser: {rate: 1e-3, clip: 2}\n")
    (tmp_path / "own.yaml").write_text("base: base.yaml\nname: own\n")
    run = load_config(tmp_path / "own.yaml", Run, ["optimiser.rate=3e-4", "decoder.rate=1"])
    assert run == Run("own", optimiser=Optimiser(rate=3e-4, clip=2.0), decoder=Optimiser(rate=1.0))


def test_the_error_of_a_section_is_not_hidden_by_the_null_it_could_be():
    with pytest.raises(VqaudioError, match=r"unknown key 'decoder\.rat'; did you mean 'rate'"):
        from_mapping(Run, {"name": "a", "decoder": {"rat": 1}})


@dataclass(frozen=True)
class Book:
    kind: str = "book"
    size: int = 8
    threshold: float = field(default=0.5, metadata=renamed_from("revive_below"))


@dataclass(frozen=True)
class Grid:
    kind: str = "grid"
    levels: tuple[int, ...] = (3, 3)


@dataclass(frozen=True)
class Net:
    part: Any = field(default_factory=Book, metadata=chosen_from({"book": Book, "grid": Grid}))


def test_a_field_is_read_under_the_name_that_it_had_and_written_under_todays():
    assert from_mapping(Book, {"revive_below": 0.25}) == from_mapping(Book, {"threshold": 0.25}) == Book(threshold=0.25)
    assert from_mapping(Book, {"revive_below": 0.25, "threshold": 0.75}).threshold == 0.75
    assert to_mapping(Book()) == {"kind": "book", "size": 8, "threshold": 0.5}
    with pytest.raises(VqaudioError, match="unknown key 'revive_above'"):
        from_mapping(Book, {"revive_above": 0.25})


def test_a_sections_kind_chooses_its_class_and_leaves_the_settings_of_other_kinds_behind():
    assert from_mapping(Net, {"part": {}}).part == Book()
    assert from_mapping(Net, {"part": {"size": 4, "revive_below": 0.1}}).part == Book(size=4, threshold=0.1)
    base, overlay = {"part": {"kind": "book", "size": 4}}, {"part": {"kind": "grid", "levels": [5]}}
    assert from_mapping(Net, merge(base, overlay)).part == Grid(levels=(5,))
    assert from_mapping(Net, to_mapping(Net(Grid(levels=(5,))))) == Net(Grid(levels=(5,)))
    with pytest.raises(VqaudioError, match=r"unknown part\.kind 'tree'; valid are book, grid"):
        from_mapping(Net, {"part": {"kind": "tree"}})
    with pytest.raises(VqaudioError, match=r"unknown part\.kind \[5\]"):
        from_mapping(Net, {"part": {"kind": [5]}})
    with pytest.raises(VqaudioError, match=r"unknown key 'part\.sise'; did you mean 'size'"):
        from_mapping(Net, {"part": {"sise": 4}})


@dataclass(frozen=True)
class Bounded:
    width: int = field(default=8, metadata=between(1, 64))
    dilations: tuple[tuple[int, ...], ...] = field(default=((), (1,)), metadata=between(1, 9))
    projection: int | None = field(default=None, metadata=between(1, 64))


@pytest.mark.parametrize("settings", [{"width": 1}, {"width": 64}, {"dilations": [[9], []]}, {"projection": None}])
def test_numbers_within_their_bounds_are_taken(settings):
    assert to_mapping(from_mapping(Bounded, settings)) == {**to_mapping(Bounded()), **settings}


@pytest.mark.parametrize(
    "settings", [{"width": 0}, {"width": 65}, {"dilations": [[1], [1, 10]]}, {"projection": 1_000_000}]
)
def test_a_number_beyond_its_bounds_is_refused_with_its_key_and_them(settings):
    (key,) = settings
    with pytest.raises(VqaudioError, match=rf"x\.{key} must be from 1 to (64|9), got"):
        from_mapping(Bounded, settings, "x")
