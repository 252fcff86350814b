"""The writer of a tokenizer folder that transformers 4 and 5 load.

Version 5's own writer names the class `TokenizersBackend`, which version 4, vLLM and llama.cpp do not know.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.export.merging import import_tokenizers
from vqaudio.tokens.vocabulary import SPECIALS, Vocabulary

TOKENIZER = "tokenizer"
CLASS = "PreTrainedTokenizerFast"
ROLES = {"bos_token": "<|bos|>", "eos_token": "<|eos|>", "pad_token": "<|pad|>", "unk_token": "<|unk|>"}
TOKEN_PATTERN = r"<\|[^|]*\|>"
KEPT_FILES = ("special_tokens_map.json", "chat_template.jinja", "chat_template.json", "generation_config.json")


def write_tokenizer(folder: Path, vocabulary: Vocabulary, context_tokens: int = 0) -> None:
    """Write a tokenizer whose text is the tokens' names one after another: `<|s_17|><|s_3|>` <-> [17, 3]."""
    # tokenizer.json: one token for each name, split at the names, joined without blanks.
    added = [
        {"id": vocabulary.special(name), "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for name in SPECIALS
    ]
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": TOKEN_PATTERN},
            "behavior": "Isolated",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "WordLevel",
            "vocab": {name: number for number, name in enumerate(vocabulary.names)},
            "unk_token": ROLES["unk_token"],
        },
    }
    # What transformers reads beside it: the class and the roles of the special tokens.
    config = {"tokenizer_class": CLASS, "clean_up_tokenization_spaces": False, **ROLES}
    if context_tokens:
        config["model_max_length"] = context_tokens
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "tokenizer.json", content)
    _write_json(folder / "tokenizer_config.json", config)
    _write_json(folder / "special_tokens_map.json", ROLES)


class TextTokenizer:
    """A text tokenizer that speech tokens are added to.

    source: a folder with tokenizer.json.  Raises VqaudioError if it cannot be read.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        try:
            self._tokenizer = import_tokenizers().Tokenizer.from_file(str(source / "tokenizer.json"))
        except VqaudioError:
            raise
        except Exception as error:  # the library raises bare Exceptions
            raise VqaudioError(f"{source}/tokenizer.json cannot be read: {error}; give a tokenizer's folder") from None
        self.size: int = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def text_ids(self) -> Callable[[str], list[int]]:
        """Return the function from text to its ids, without the tokenizer's own BOS and EOS."""
        return lambda text: self._tokenizer.encode(text, add_special_tokens=False).ids

    def save_extended(self, folder: Path, vocabulary: Vocabulary) -> None:
        """Write the text tokenizer with the speech tokens after its own; its settings are kept, its class is not.

        Raises VqaudioError if it has one of the tokens already.
        """
        from tokenizers import AddedToken, Tokenizer

        extended = Tokenizer.from_str(self._tokenizer.to_str())
        clashing = [name for name in vocabulary.names if extended.token_to_id(name) is not None]
        if clashing:
            raise VqaudioError(f"{self._source} has {clashing[0]} already; give the tokenizer as it was before")
        tokens = [AddedToken(name, normalized=False, special=name in SPECIALS) for name in vocabulary.names]
        extended.add_tokens(tokens)
        if extended.token_to_id(vocabulary.names[0]) != vocabulary.offset or (
            extended.token_to_id(vocabulary.names[-1]) != vocabulary.size - 1
        ):
            raise VqaudioError(f"the ids of {self._source} have gaps, its tokens cannot be counted on from its last")
        folder.mkdir(parents=True, exist_ok=True)
        for name in KEPT_FILES:
            if (self._source / name).is_file():
                shutil.copyfile(self._source / name, folder / name)
        extended.save(str(folder / "tokenizer.json"), pretty=False)
        _write_json(folder / "tokenizer_config.json", {**self._config(), "tokenizer_class": CLASS})

    def _config(self) -> dict[str, Any]:
        path = self._source / "tokenizer_config.json"
        if not path.is_file():
            return {"clean_up_tokenization_spaces": False}
        try:
            config = parse_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise VqaudioError(f"{path} is no JSON: {error}") from None
        # These name tokens by id, files or code of the old tokenizer; tokenizer.json says all of it.
        gone = ("added_tokens_decoder", "auto_map", "tokenizer_file", "vocab_file", "merges_file", "backend")
        return {name: value for name, value in config.items() if name not in gone}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
