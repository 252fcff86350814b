"""Do transformers 4 and 5 both load the tokenizers that `vqaudio export` writes?  Each in an environment of its own.

    python recipes/check_transformers.py [--versions 4.53.* 4.57.* 5.*] [--python python3.11]

Exports a small store twice, with a tokenizer of codes alone and with the codes added to a text tokenizer, makes a
virtual environment for each version, and there loads both folders, in both ways that programs use, and compares ids and
text with what export.json says.  Needs the package registry; a minute for each version.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = ["4.53.*", "4.57.*", "5.*"]


def main() -> int:
    """Runs the checks; 0 if every version reads both tokenizers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", nargs="+", default=VERSIONS, help="as pip understands them after ==")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the environments")
    parser.add_argument("--load", metavar="DIR", type=Path, help="load the exports in DIR with the transformers here")
    args = parser.parse_args()
    if args.load:
        load_both(args.load)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_exports(Path(folder))
        return sum(not is_loaded(Path(folder), version, args.python) for version in args.versions)


def write_exports(folder: Path) -> None:
    """`codes` and `extended` below the folder."""
    import numpy as np
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    from vqaudio.export.options import ExportOptions
    from vqaudio.export.run import export_store
    from vqaudio.tokens.schema import CodecStamp, TokenRow
    from vqaudio.tokens.store import TokenStore
    from vqaudio.tokens.writer import TokenWriter

    with TokenWriter(folder / "tokens", CodecStamp("check", "0" * 64, 16_000, 320, 1, 1024)) as writer:
        codes = np.arange(1024, dtype=np.uint16)[None]
        writer.append(TokenRow("a.wav", codes, 1024 * 320, 16_000, 20.48, "ada", "Hello, codes."))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    text = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text.decoder = decoders.ByteLevel()
    text.add_special_tokens([AddedToken("<|endoftext|>", normalized=False)])
    (folder / "text").mkdir()
    text.save(str(folder / "text" / "tokenizer.json"))
    config = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}
    (folder / "text" / "tokenizer_config.json").write_text(json.dumps(config))
    store = TokenStore.open(folder / "tokens")
    export_store(store, folder / "codes", ExportOptions("hf", has_eos=True))
    export_store(store, folder / "extended", ExportOptions("hf", prefix=("text",)), extend=folder / "text")


def is_loaded(folder: Path, version: str, python: str) -> bool:
    """Makes the environment and runs `--load` in it."""
    home = folder / f"venv-{version.strip('.*')}"
    subprocess.run([python, "-m", "venv", home], check=True)
    inside = home / "bin" / "python"
    install = [inside, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"transformers=={version}"]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    done = subprocess.run([inside, "-W", "ignore", __file__, "--load", folder], capture_output=True, text=True)
    print(done.stdout.strip() or f"transformers {version} FAILED:\n{done.stderr}", flush=True)
    return done.returncode == 0


def load_both(folder: Path) -> None:
    """Compares what transformers makes of both tokenizers with what export.json says.  Runs without vqaudio."""
    import transformers

    for name in ("codes", "extended"):
        words = json.loads((folder / name / "export.json").read_text())["vocabulary"]
        for loader in (transformers.AutoTokenizer, transformers.PreTrainedTokenizerFast):
            tokenizer = loader.from_pretrained(str(folder / name / "tokenizer"))
            offset = words["offset"]
            assert len(tokenizer) == words["size"], (len(tokenizer), words["size"])
            ids = tokenizer("<|s_0|><|s_17|><|s_1023|>")["input_ids"]
            assert ids == [offset, offset + 17, offset + 1023], ids
            assert tokenizer.decode(ids).replace(" ", "") == "<|s_0|><|s_17|><|s_1023|>", tokenizer.decode(ids)
            for special, number in words["specials"].items():
                assert tokenizer.convert_tokens_to_ids(special) == number, special
            if name == "codes":
                assert tokenizer.pad_token_id == words["specials"]["<|pad|>"]
            else:
                text = tokenizer("Hello, codes.")["input_ids"]
                assert max(text) < offset, text
                assert tokenizer.decode(text) == "Hello, codes."
    print(f"transformers {transformers.__version__}: both tokenizers load and agree with export.json")


if __name__ == "__main__":
    sys.exit(main())
