"""The card that a saved codec gets."""

import yaml

from vqaudio.codec.card import GENERATED, card_of
from vqaudio.codec.saving import save_codec


def test_a_card_tells_rates_recipe_and_figures(make_voiced_codec):
    codec = make_voiced_codec()  # 16 codes, 50 Hz
    card = card_of(codec, recipe="num_steps: 4\n", figures={"mel_1": 0.25, "usage": [0.5, 1.0]})
    assert "1: 0.20." in card
    assert "```yaml\nnum_steps: 4\n```" in card
    assert "| mel_1 | 0.25 |\n| usage | 0.5, 1 |" in card
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["library_name"] == "vqaudio"


def test_saving_again_renews_our_card_and_keeps_yours(make_voiced_codec, tmp_path):
    path, codec = tmp_path / "README.md", make_voiced_codec()
    save_codec(codec, tmp_path, card=card_of(codec, recipe="seed: 1\n"))
    save_codec(codec, tmp_path)
    assert "seed: 1" not in path.read_text()
    path.write_text(path.read_text().replace(GENERATED, "") + "Mine.\n")
    save_codec(codec, tmp_path)
    save_codec(codec, tmp_path, card=card_of(codec, recipe="seed: 1\n"))  # as every checkpoint of a run does
    assert path.read_text().endswith("Mine.\n")
    save_codec(codec, tmp_path, card="All new.\n")
    assert path.read_text() == "All new.\n"
