"""Train a codec, an encoder of units or a prior from a recipe, on one CPU, one GPU or many.

    vqaudio train speech_16k data.root=WAV_DIR out=runs/mine
    vqaudio train speech_16k --help
    vqaudio train my_recipe.yaml data.root=WAV_DIR optimizer.learning_rate=3e-4 --processes 8
    vqaudio tokenize WAV_DIR --codec runs/mine --out tokens/

RECIPE is the name of one that ships or a YAML file, such as the recipe.yaml that every run leaves in its folder.
key=value overrides any line of it; with a recipe, --help lists every key.  data.root is any folder of recordings.  The
same command again goes on where the last checkpoint was written.
"""

import argparse
import signal
import subprocess
from pathlib import Path

SCRIPTS = ("train_codec", "train_units", "train_prior", "train_frames")
# What lies beside the script is the recipes' own; what lies in the current folder is not run.
RUN_SCRIPT = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, {folder!r})
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LAUNCH = "from torch.distributed.run import main\nmain()"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("-h", "--help", action="store_true", help="this, or with a recipe all its keys")
    parser.set_defaults(print_help=parser.print_help)
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help=f"a YAML file, or one of: {', '.join(names())}")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="data.root=DIR, out=DIR, num_steps=N ...")
    processes = (
        "a process for each GPU, or each group of CPU cores, of this machine (default: one; or run under torchrun)"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help=processes)


def run(args: argparse.Namespace) -> int:
    """Run the recipe's script in a process of its own; its exit status, 128 + N after signal N."""
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.overlays import load_mapping
    from vqaudio.jobs.worker_process import isolated_python

    if args.help and not args.recipe:
        args.print_help()
        return 0
    if not args.recipe:
        raise VqaudioError(f"vqaudio train needs a recipe: a YAML file, or one of {', '.join(names())}")
    if args.processes < 1:
        raise VqaudioError(f"--processes must be 1 or more, got {args.processes}")
    recipe = find_recipe(args.recipe)
    script = load_mapping(recipe).get("script", SCRIPTS[0])
    if script not in SCRIPTS:
        raise VqaudioError(f"{recipe}: script is {script!r}; wanted one of {', '.join(SCRIPTS)}")
    command = list(isolated_python(RUN_SCRIPT.format(folder=str(recipes_folder()))))
    if args.processes > 1 and not args.help:
        options = ["--standalone", "--nproc-per-node", str(args.processes), "--no-python"]
        command = [*isolated_python(LAUNCH), *options, *command]
    path = recipes_folder() / f"{script}.py"
    process = subprocess.Popen([*command, str(path), str(recipe), *args.overrides, *(["--help"] if args.help else [])])
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # else it would train on, an orphan
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reaches it too
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return status if status >= 0 else 128 - status


def recipes_folder() -> Path:
    """Find the recipes: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def names() -> list[str]:
    """Name the recipes that ship."""
    return sorted(path.stem for path in recipes_folder().glob("[!_]*.yaml"))


def find_recipe(name: str) -> Path:
    """Find a recipe by its path or its name.  Raises VqaudioError that lists those that ship."""
    from vqaudio.core.errors import VqaudioError

    shipped = recipes_folder() / f"{Path(name).stem}.yaml"
    for path in (Path(name), *([shipped] if Path(name).name in (name, shipped.name) else [])):
        if path.is_file():
            return path.resolve()
    raise VqaudioError(
        f"no recipe {name!r}: it is neither a YAML file nor one of those that ship: {', '.join(names())}"
    )
