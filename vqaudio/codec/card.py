"""The model card of a codec: what it is, how to use it, and how it was trained as far as that is known."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec

GENERATED = "<!-- written by vqaudio; remove this line to keep what you write here -->"


def card_of(codec: "Codec", *, recipe: str | None = None, figures: Mapping[str, Any] | None = None) -> str:
    """Write the card of a codec in Markdown, with the hub's header.

    recipe: the whole YAML of the run that made it.  figures: of its last evaluation on held-out speech, by name.
    """
    grid = codec.grid
    num_parameters = sum(parameter.numel() for parameter in codec.parameters())
    kbps = grid.frame_rate_hz * math.log2(codec.codebook_size) / 1000
    rates = " · ".join(f"{books}: {books * kbps:.2f}" for books in range(1, codec.num_codebooks + 1))
    lines = [
        "---",
        "library_name: vqaudio",
        "tags: [audio, speech, audio-codec, speech-tokenizer]",
        "---",
        GENERATED,
        f"# {codec.name}",
        "",
        f"A speech codec of [vqaudio](https://pypi.org/project/vqaudio/): {grid.sample_rate_hz} Hz mono to "
        f"{codec.num_codebooks} codebook{'s' * (codec.num_codebooks > 1)} of {codec.codebook_size} at "
        f"{grid.frame_rate_hz:g} Hz and back, {num_parameters / 1e6:.1f} million parameters.",
        "",
        f"kbit/s by the number of codebooks: {rates}.",
        "",
        "```python",
        "from vqaudio import open_codec",
        "",
        'codec = open_codec("OWNER/NAME", may_download=True)  # or the folder of this file',
        "codes = codec.encode(audio)  # audio: batch, 1, samples; codes: batch, codebooks, frames",
        "```",
        "",
        f"Weights: SHA-256 `{codec.weights_sha256}`, configuration `{codec.config_sha256}`; stores of codes name both.",
    ]
    if figures:
        rows = [f"| {name} | {_shown(value)} |" for name, value in figures.items()]
        lines += ["", "## Held-out speech at the end of training", "", "| figure | value |", "|---|---|", *rows]
    lines += ["", "## Training", ""]
    if recipe is None:
        lines += ["Not recorded here. Say which data, under which licence, and how to do it again."]
    else:
        lines += ["`vqaudio train recipe.yaml` with:", "", "```yaml", recipe.rstrip(), "```"]
        lines += ["", "Say here which data that was, under which licence, and what fails."]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
