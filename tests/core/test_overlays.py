import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.overlays import load_mapping, merge, parse_override


@pytest.fixture
def write(tmp_path):
    def write_yaml(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_yaml


def test_a_file_lies_over_its_base_section_by_section(write):
    write("base.yaml", "codec: {hop: 320, width: 32}\nseed: 1\n")
    path = write("own.yaml", "base: base.yaml\ncodec: {width: 8}\n")
    assert load_mapping(path) == {"codec": {"hop": 320, "width": 8}, "seed": 1}


def test_a_base_is_found_beside_the_file_that_names_it(write):
    write("bases/root.yaml", "a: 1\nb: 1\n")
    write("bases/middle.yaml", "base: root.yaml\nb: 2\n")
    path = write("own.yaml", "base: bases/middle.yaml\n")
    assert load_mapping(path) == {"a": 1, "b": 2}


def test_of_several_bases_the_later_one_counts(write):
    write("one.yaml", "rate: 1\nsteps: 1\n")
    write("two.yaml", "rate: 2\n")
    path = write("own.yaml", "base: [one.yaml, two.yaml]\n")
    assert load_mapping(path) == {"rate": 2, "steps": 1}


def test_two_ways_to_one_base_are_no_circle(write):
    write("root.yaml", "a: 1\n")
    write("left.yaml", "base: root.yaml\n")
    write("right.yaml", "base: root.yaml\n")
    assert load_mapping(write("own.yaml", "base: [left.yaml, right.yaml]\n")) == {"a": 1}


def test_a_circle_of_bases_is_refused_by_name(write):
    first = write("first.yaml", "base: second.yaml\n")
    write("second.yaml", "base: first.yaml\n")
    with pytest.raises(VqaudioError, match=r"first\.yaml -> .*second\.yaml -> .*first\.yaml"):
        load_mapping(first)


def test_a_missing_base_names_the_file_that_asked(write):
    with pytest.raises(VqaudioError, match=r"gone\.yaml, the base of .*own\.yaml"):
        load_mapping(write("own.yaml", "base: gone.yaml\n"))


def test_the_last_override_counts_and_spares_its_neighbours(write):
    path = write("own.yaml", "codec: {hop: 320, width: 32}\n")
    mapping = load_mapping(path, ["codec.hop=160", "codec.hop=200", "new.section.key=[1, x]"])
    assert mapping == {"codec": {"hop": 200, "width": 32}, "new": {"section": {"key": [1, "x"]}}}


def test_an_override_may_hold_an_equals_sign_and_may_be_null():
    assert parse_override("command=a=b") == {"command": "a=b"}
    assert parse_override("speaker=null") == {"speaker": None}


@pytest.mark.parametrize("text", ["steps", "=3", "a..b=3", ".a=3", "a=[1"])
def test_a_malformed_override_is_quoted_back(text):
    with pytest.raises(VqaudioError) as error:
        parse_override(text)
    assert repr(text) in str(error.value)


def test_an_override_replaces_lists_whole():
    assert merge({"strides": [4, 4, 5]}, {"strides": [8]}) == {"strides": [8]}


def test_merging_changes_neither_side():
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(below, above) == {"a": {"b": 1, "c": 2}}
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_an_empty_file_is_an_empty_mapping(write):
    assert load_mapping(write("own.yaml", "# nothing yet\n")) == {}


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "a: [1\n", "base: {a: 1}\n", "base: [1]\n"])
def test_a_file_that_is_no_mapping_is_refused_by_name(write, text):
    with pytest.raises(VqaudioError, match=r"own\.yaml"):
        load_mapping(write("own.yaml", text))


def test_yaml_that_would_build_objects_is_refused(write):
    with pytest.raises(VqaudioError, match="not YAML"):
        load_mapping(write("own.yaml", "a: !!python/object/apply:os.getcwd []\n"))


def test_aliases_of_aliases_and_brackets_without_end_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 100_000)
    (tmp_path / "date.yaml").write_text("a: 2026-99-99")
    (tmp_path / "shared.yaml").write_text("a: &a {b: 1}\nc: *a")
    with pytest.raises(VqaudioError, match=r"bomb\.yaml holds more than"):
        load_mapping(tmp_path / "bomb.yaml")
    for name in ("deep", "date"):
        with pytest.raises(VqaudioError, match=rf"{name}\.yaml (cannot be read as|is not) YAML"):
            load_mapping(tmp_path / f"{name}.yaml")
    assert load_mapping(tmp_path / "shared.yaml") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    "value", ["2024-01-31", "2024-01-31 10:00:00", "!!binary aGVsbG8=", "!!set {a, b}", "[{x: 2024-01-31}]"]
)
def test_values_that_json_does_not_have_are_refused_with_the_file_and_the_key(tmp_path, value):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"codec:\n  name: {value}\n")
    with pytest.raises(VqaudioError, match=r"recipe\.yaml: codec\.name.*in quotes"):
        load_mapping(path)
    with pytest.raises(VqaudioError, match=r"'codec\.name=.*in quotes"):
        parse_override(f"codec.name={value}")


def test_a_date_as_a_key_is_refused_with_the_file(tmp_path):
    (tmp_path / "recipe.yaml").write_text("2024-01-31: 5\n")
    with pytest.raises(VqaudioError, match=r"recipe\.yaml: 2024-01-31.*in quotes"):
        load_mapping(tmp_path / "recipe.yaml")
