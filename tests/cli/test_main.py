import os
import re
import resource
import shlex
import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

import vqaudio
from vqaudio.cli import main as cli
from vqaudio.core.errors import VqaudioError


def verb_that(monkeypatch, run) -> None:
    """Puts the verb `odd` into the table: it takes a name and runs `run(args)`."""
    module = SimpleNamespace(add_arguments=lambda parser: parser.add_argument("name"), run=run, __doc__="Odd.")
    monkeypatch.setitem(sys.modules, "odd_verb", module)
    monkeypatch.setitem(cli.VERBS, "odd", cli.Verb("odd_verb", "do something odd"))


def test_help_lists_every_verb_with_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for name, verb in cli.VERBS.items():
        assert re.search(rf"^ +{name} +{re.escape(verb.help)}$", shown, re.M)


HELP = """
import sys
before = {name.split(".")[0] for name in sys.modules}
from vqaudio.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print(*{name.split(".")[0] for name in sys.modules} - before - sys.stdlib_module_names)
"""


def least_work_s(code: str) -> float:
    """Seconds of a processor that Python takes for the code, however long it waits for one: the least of some runs."""
    took_s = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took_s)


def test_help_is_instant_and_imports_the_standard_library_alone():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "vqaudio"
    assert least_work_s(HELP) < 8 * least_work_s("pass")  # 3; numpy alone is 9, torch 100 and more


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_a_verbs_own_help_imports_no_torch_either(verb):
    code = (
        "import sys\nfrom vqaudio.cli.main import main\n"
        f"try:\n    main(['{verb}', '--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: vqaudio {verb}")


def test_without_a_verb_the_help_is_shown(capsys):
    assert cli.main([]) == 0
    assert "tokenize" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"vqaudio {vqaudio.__version__}\n"


@pytest.mark.parametrize("arguments", [["tokenise"], ["--nonsense"], ["tokenize"], ["info"]])
def test_wrong_usage_exits_with_2_and_tells_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: vqaudio")


def test_what_a_user_can_mend_is_one_line_and_exit_1(monkeypatch, capsys):
    def run(args):
        raise VqaudioError("a.wav: empty")

    verb_that(monkeypatch, run)
    assert cli.main(["odd", "x"]) == 1
    assert capsys.readouterr().err == "vqaudio: a.wav: empty\n"


def test_our_own_mistakes_keep_their_traceback(monkeypatch):
    verb_that(monkeypatch, lambda args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["odd", "x"])


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def run(args):
        raise KeyboardInterrupt

    verb_that(monkeypatch, run)
    assert cli.main(["odd", "x"]) == 130
    assert capsys.readouterr().err == "vqaudio: interrupted\n"


def test_the_verbs_status_is_the_commands(monkeypatch):
    verb_that(monkeypatch, lambda args: 2)
    assert cli.main(["odd", "x"]) == 2


def test_after_two_dashes_a_name_may_start_with_one(monkeypatch):
    names = []
    verb_that(monkeypatch, lambda args: names.append(args.name) or 0)
    assert cli.main(["odd", "--", "-dash.wav"]) == 0
    assert names == ["-dash.wav"]


LOUD = """
import sys, types
from vqaudio.cli import main
verb = types.ModuleType("loud_verb")
verb.add_arguments = lambda parser: parser.add_argument("number", type=int)
verb.run = lambda args: [print("caf\\udce9 語" * 100) for _ in range(args.number)] and 0
sys.modules["loud_verb"] = verb
main.VERBS["loud"] = main.Verb("loud_verb", "print much")
sys.exit(main.main(["loud", sys.argv[1]]))
"""


def test_a_reader_that_went_away_is_no_traceback():
    child = subprocess.Popen([sys.executable, "-c", LOUD, "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.read(10)
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    assert (child.wait(), said) == (141, b"")


def test_a_name_that_the_terminal_cannot_show_is_escaped():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-c", LOUD, "1"]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(rb"caf\udce9 \u8a9e")


def test_the_module_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "vqaudio", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"vqaudio {vqaudio.__version__}\n"


def test_importing_the_package_loads_nothing_and_its_names_are_there():
    code = "import sys, vqaudio; assert not {'torch', 'numpy', 'pyarrow'} & set(sys.modules); print(dir(vqaudio))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ("open_codec", "read_audio", "write_audio", "TokenStore"))
    assert vqaudio.TokenStore.__module__ == "vqaudio.tokens.store"
    assert vqaudio.read_audio.__module__ == "vqaudio.audio.files"
    with pytest.raises(AttributeError, match="it has"):
        _ = vqaudio.nonsense


@pytest.mark.parametrize("verb", ["tokenize", "evaluate", "convert"])
def test_an_empty_path_is_wrong_usage_and_not_the_current_folder(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "", "--out", "somewhere"] if verb != "evaluate" else [verb, ""])
    assert ended.value.code == 2
    assert "it is empty; wanted a path" in capsys.readouterr().err


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_defaults_are_what_the_help_says(verb):
    """Of every option whose help names its default: `(default: 32)`, or the word before `(default)`."""
    num_named = 0
    for action in cli.parser_of(verb)._actions:
        said = re.search(r"\(default: ([\w.-]+)\)", action.help or "")
        said = said or re.search(r"([\w.-]+?)s? \(default\)", action.help or "")
        if said is None or said[1] in ("all", "nobody"):  # which are the absence of a value
            continue
        default = action.default[0] if isinstance(action.default, list) else action.default
        assert str(default).removesuffix(".0") == said[1].removesuffix(".0"), action.option_strings
        num_named += 1
    assert num_named or verb not in ("tokenize", "export", "sample", "probe", "report", "decode", "convert")


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_what_replaces_or_skips_something_is_asked_for(verb):
    """No flag is on by itself, and going on excludes starting again."""
    parser = cli.parser_of(verb)
    flags = [action for action in parser._actions if action.nargs == 0 and action.dest != "help"]
    assert all(action.default in (False, None) for action in flags)
    names = {name for action in parser._actions for name in action.option_strings}
    if {"--resume", "--overwrite"} <= names and verb != "export":
        with pytest.raises(SystemExit):
            parser.parse_args(["--resume", "--overwrite", "x", "--out", "y", "--text", "z"])


@pytest.mark.parametrize("verb", cli.VERBS)
def test_a_verbs_own_help_has_an_example_that_its_options_allow(verb):
    module = import_module(cli.VERBS[verb].module)
    examples = re.findall(rf"^    vqaudio {verb} (.+)$", module.__doc__ or "", re.M)
    assert examples
    for example in examples:
        parser = cli.parser_of(verb)
        parser.exit_on_error = False
        if not example.endswith(" --help"):
            parser.parse_args(shlex.split(example))
