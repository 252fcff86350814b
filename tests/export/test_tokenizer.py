"""Tokenizer folders: of speech alone, and of a text tokenizer that speech is added to."""

import json
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export.tokenizer import CLASS, KEPT_FILES, ROLES, TextTokenizer, write_tokenizer
from vqaudio.tokens.vocabulary import SPECIALS, Vocabulary

pytest.importorskip("tokenizers")


def after(text: TextTokenizer) -> Vocabulary:
    return Vocabulary(8, speakers=("ada",), offset=text.size)


def test_speech_tokens_come_after_the_texts_own_and_a_second_time_they_are_refused(text_tokenizer, tmp_path: Path):
    text = TextTokenizer(text_tokenizer)
    vocabulary = after(text)
    text.save_extended(tmp_path / "once", vocabulary)
    extended = TextTokenizer(tmp_path / "once")
    assert text.size == 257
    assert extended.size == vocabulary.size
    assert extended.text_ids()("a b") == text.text_ids()("a b")
    assert extended.text_ids()(vocabulary.names[0] + vocabulary.names[3]) == [257, 260]
    with pytest.raises(VqaudioError, match="already; give the tokenizer as it was before"):
        extended.save_extended(tmp_path / "twice", after(extended))
    assert not (tmp_path / "twice").exists()


def test_a_tokenizer_whose_ids_have_gaps_is_refused(text_tokenizer, tmp_path: Path) -> None:
    content = json.loads((text_tokenizer / "tokenizer.json").read_text())
    content["added_tokens"][0]["id"] = 300
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    text = TextTokenizer(tmp_path)
    with pytest.raises(VqaudioError, match="have gaps"):
        text.save_extended(tmp_path / "out", Vocabulary(8, offset=301))


def test_what_stands_beside_a_tokenizer_is_kept_but_not_its_class(text_tokenizer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "tokenizer.json").write_bytes((text_tokenizer / "tokenizer.json").read_bytes())
    text = TextTokenizer(source)
    text.save_extended(tmp_path / "bare", after(text))
    config = json.loads((tmp_path / "bare" / "tokenizer_config.json").read_text())
    assert config == {"clean_up_tokenization_spaces": False, "tokenizer_class": CLASS}
    for name in (*KEPT_FILES, "merges.txt"):
        (source / name).write_text(f"[{len(name)}]")
    (source / "tokenizer_config.json").write_text('{"vocab_file": "v", "eos_token": "x", "tokenizer_class": "Old"}')
    text.save_extended(tmp_path / "whole", after(text))
    config = json.loads((tmp_path / "whole" / "tokenizer_config.json").read_text())
    assert config == {"eos_token": "x", "tokenizer_class": CLASS}
    kept = {path.name: path.read_text() for path in (tmp_path / "whole").iterdir() if path.name in KEPT_FILES}
    assert kept == {name: f"[{len(name)}]" for name in KEPT_FILES}
    assert not (tmp_path / "whole" / "merges.txt").exists()
    (source / "tokenizer_config.json").write_text("{")
    with pytest.raises(VqaudioError, match=r"tokenizer_config\.json is no JSON"):
        text.save_extended(tmp_path / "odd", after(text))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    for content in (None, "{"):
        if content:
            (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(VqaudioError, match=r"tokenizer\.json cannot be read: .*; give a tokenizer's folder"):
            TextTokenizer(tmp_path)


@pytest.mark.parametrize("context_tokens", [0, 64])
def test_names_of_a_vocabulary_are_its_ids(tmp_path: Path, context_tokens: int) -> None:
    vocabulary = Vocabulary(8, has_pad=True, speakers=("ada",))
    write_tokenizer(tmp_path, vocabulary, context_tokens)
    ids = TextTokenizer(tmp_path).text_ids()
    assert ids("".join(vocabulary.names)) == list(range(vocabulary.size))
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config.get("model_max_length", 0) == context_tokens
    assert (
        {name: config[name] for name in ROLES}
        == ROLES
        == json.loads((tmp_path / "special_tokens_map.json").read_text())
    )
    assert set(ROLES.values()) <= set(SPECIALS)
