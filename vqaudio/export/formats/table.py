"""The table of all formats by name: a new one is a file beside this and a row here."""

from collections.abc import Callable, Sequence

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats import hf, jsonl, megatron, nanogpt, text, webdataset
from vqaudio.export.formats.interface import Format
from vqaudio.export.options import ExportOptions

FORMATS = {
    "hf": Format(
        hf.HuggingFaceWriter,
        hf.read_hf,
        hf.finish_hf,
        help="Parquet with input_ids, and a tokenizer for transformers",
        has_eos=True,
    ),
    "nanogpt": Format(
        nanogpt.NanoGPTWriter,
        nanogpt.read_nanogpt,
        nanogpt.finish_nanogpt,
        help="train.bin, val.bin (uint16), meta.pkl",
        has_borders=False,
        has_eos=True,
        max_vocabulary=nanogpt.MAX_VOCABULARY,
    ),
    "megatron": Format(
        megatron.MegatronWriter,
        megatron.read_megatron,
        megatron.finish_megatron,
        help="<split>.bin and .idx of Megatron-LM",
        has_eos=True,
    ),
    "text": Format(
        text.TextWriter,
        text.read_text,
        text.finish_text,
        help="lines of unit numbers",
        styles=text.STYLES,
        stem_styles=("gslm",),
    ),
    "jsonl": Format(
        jsonl.JSONLinesWriter,
        jsonl.read_jsonl,
        jsonl.finish_jsonl,
        help="one object a line",
        styles=jsonl.STYLES,
        grid_styles=("lists",),
        name_styles=("tokens", "speechgpt"),
    ),
    "webdataset": Format(
        webdataset.WebDatasetWriter,
        webdataset.read_webdataset,
        webdataset.finish_webdataset,
        help="tar archives of codes.npy and json",
        grid_styles=("",),
    ),
}

# Programs whose files are a style of a format.
PROGRAMS = {
    "gslm": ("text", "gslm"),
    "fairseq": ("text", "fairseq"),
    "kaldi": ("text", "kaldi"),
    "speechgpt": ("jsonl", "speechgpt"),
}


def named_format(name: str, style: str = "") -> tuple[str, str]:
    """Look up the format and style of a format's or a program's name; without a style, the format's first one.

    Raises VqaudioError if there is none of that name, or it has no such style.
    """
    if name in PROGRAMS and style not in ("", PROGRAMS[name][1]):
        raise VqaudioError(f"format {name} has no style {style!r}; it has no styles")
    name, style = PROGRAMS.get(name, (name, style))
    style = style or (FORMATS[name].styles[0] if name in FORMATS else "")
    format_of(name, style)
    return name, style


def format_of(name: str, style: str) -> Format:
    """Look up a format.  Raises VqaudioError if there is none of that name or it has no such style."""
    if name not in FORMATS:
        raise VqaudioError(f"unknown format {name!r}; one of {', '.join([*FORMATS, *PROGRAMS])}")
    if style not in FORMATS[name].styles:
        styles = ", ".join(filter(None, FORMATS[name].styles)) or "no styles"
        raise VqaudioError(f"format {name} has no style {style!r}; it has {styles}")
    return FORMATS[name]


def require_names(options: ExportOptions, ids: Callable[[], Sequence[str]]) -> None:
    """Check that the format has a name for every recording.  Raises VqaudioError if two would have one."""
    if options.style in format_of(options.format, options.style).stem_styles and not options.context_tokens:
        text.require_distinct_stems(ids())


def require_fit(options: ExportOptions, *, is_extending: bool) -> None:
    """Check that the format can hold what the options make.  Raises VqaudioError that names formats which can.

    is_extending: whether a text tokenizer is extended.
    """
    format_ = format_of(options.format, options.style)
    if options.is_grid and options.style not in format_.grid_styles:
        able = [f"{name} {style}".strip() for name, listed in FORMATS.items() for style in listed.grid_styles]
        raise VqaudioError(f"{options.format} {options.style} holds no grids; these do: {', '.join(able)}")
    if options.is_grid and is_extending:
        raise VqaudioError(
            "a grid has the numbers of one codebook in each row, no tokens after those of a text tokenizer"
        )
    if is_extending and "text" in options.prefix and options.style in format_.name_styles:
        raise VqaudioError(
            f"{options.format} {options.style} writes tokens by name, and the pieces of a text have none that the text "
            "tokenizer would read back as they are; take hf or jsonl --style lists, or leave out the text"
        )
