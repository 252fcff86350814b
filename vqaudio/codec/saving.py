"""Saving and opening of a codec: model.safetensors, config.json, its model card README.md, and known speakers."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from vqaudio.codec.build import build_codec
from vqaudio.codec.card import GENERATED, card_of
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.fingerprint import fingerprint, shaping_state
from vqaudio.codec.hub import FILES, is_repo_id
from vqaudio.codec.locate import FOREIGN_PREFIX, FORMAT_VERSION, find_codec, read_header
from vqaudio.codec.model import Codec
from vqaudio.codec.speakers import read_speakers, save_speakers
from vqaudio.codec.units.naming import is_units
from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.nn.devices import find_device

CARD = "README.md"

if TYPE_CHECKING:
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.codec.units.tokenizer import UnitsTokenizer


def save_codec(codec: Codec, folder: str | Path, *, is_half: bool = False, card: str | None = None) -> str:
    """Write the codec to a folder; with is_half the networks' weights become float16 (the codebooks stay float32).

    card: its README.md; with None one is made.  One of `card_of` never replaces what somebody has written there.
    Returns the weights' SHA-256 as they will be read back.
    """
    folder = Path(folder)
    make_folder(folder)
    tensors = shaping_state(codec)
    if is_half:
        tensors = {
            name: tensor.half() if tensor.is_floating_point() and not name.startswith("quantizer.") else tensor
            for name, tensor in tensors.items()
        }
    stored = _blank_codec(codec.config)
    stored.load_state_dict(
        {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()},
        strict=False,
    )
    sha256 = fingerprint(stored)
    header = {"format_version": FORMAT_VERSION, "weights_sha256": sha256, "codec": to_mapping(codec.config)}
    replace_durably(folder / "model.safetensors", lambda path: path.write_bytes(save(tensors)))
    replace_durably(folder / "config.json", lambda path: path.write_text(json.dumps(header, indent=2) + "\n"))
    save_speakers(folder, codec.known_speakers, sha256)
    text = card_of(stored) if card is None else card
    if GENERATED not in text or _is_ours(folder / CARD):
        replace_durably(folder / CARD, lambda path: path.write_text(text, encoding="utf-8"))
    return sha256


def open_codec(name_or_folder: str | Path = "speech-16k", device: str = "cpu", *, may_download: bool = False) -> Codec:
    """Open a codec in eval mode: one that ships, by its name, a folder of `save_codec`, or the hub's OWNER/NAME.

    may_download: fetch the last from the hub; else it is opened where it was fetched before.
    Raises VqaudioError if there is none, if it was written by a later version, or if its weights are damaged.
    """
    place = find_device(device)
    folder = find_codec(name_or_folder, may_download=may_download)
    header = read_header(folder)
    codec = _blank_codec(from_mapping(CodecConfig, header["codec"], where="codec"))
    try:
        tensors = load_file(folder / "model.safetensors")
    except (SafetensorError, OSError) as error:
        raise VqaudioError(f"{folder / 'model.safetensors'} cannot be read: {error}; fetch the codec again") from error
    wanted = {name: tensor.shape for name, tensor in shaping_state(codec).items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if wanted != found:
        names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise VqaudioError(f"{folder}: config.json and model.safetensors do not belong together: {names[:3]}")
    codec.load_state_dict(tensors, strict=False)  # float16 becomes float32 as it is copied, one tensor at a time
    del tensors
    if fingerprint(codec) != header["weights_sha256"]:
        raise VqaudioError(
            f"the weights in {folder} do not have the hash that config.json names; fetch the codec again"
        )
    codec.known_speakers = read_speakers(folder, header["weights_sha256"])
    codec.requires_grad_(False)
    return codec.to(place).eval()


def open_tokenizer(
    name_or_folder: str | Path = "speech-16k", device: str = "cpu"
) -> "Codec | ForeignCodec | UnitsTokenizer":
    """Open a codec of ours as `open_codec`, one of transformers, named `hf:DIR` or `hf:OWNER/NAME`, or units.

    Raises what `open_codec`, `vqaudio.codec.foreign.open_foreign` and `vqaudio.codec.units.tokenizer.open_units` raise.
    """
    if is_units(name_or_folder):
        from vqaudio.codec.units.tokenizer import open_units

        return open_units(name_or_folder, device)
    return open_speaking(name_or_folder, device)


def open_speaking(name_or_folder: str | Path = "speech-16k", device: str = "cpu") -> "Codec | ForeignCodec":
    """Open a tokenizer as `open_tokenizer` does, that can decode too.  Raises VqaudioError for units as well."""
    if is_units(name_or_folder):
        from vqaudio.codec.units.tokenizer import NO_SOUND

        raise VqaudioError(f"{name_or_folder}: {NO_SOUND}")
    if not str(name_or_folder).startswith(FOREIGN_PREFIX):
        return open_codec(name_or_folder, device)
    from vqaudio.codec.foreign import open_foreign

    return open_foreign(str(name_or_folder), device)


def push_to_hub(codec: Codec, repo_id: str, *, is_private: bool = False, card: str | None = None) -> str:
    """Write the codec, as `save_codec` does, to the hub's repository `OWNER/NAME`, which is made if it is not there.

    card: the README.md; None writes one from the codec, unless somebody has written one there.  Uses the token of
    `hf auth login`.  Returns the address of the commit.  Raises VqaudioError without huggingface_hub, or where the hub
    refuses.
    """
    if not is_repo_id(repo_id):
        raise VqaudioError(f"a repository of the hub is called OWNER/NAME, got {repo_id!r}")
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise VqaudioError(f"pushing {repo_id} needs huggingface_hub: pip install 'vqaudio[hub]' ({error})") from None
    with tempfile.TemporaryDirectory() as name:
        save_codec(codec, name, card=card)
        try:
            api = HfApi()
            api.create_repo(repo_id, private=is_private, exist_ok=True)
            if (
                card is None
                and api.file_exists(repo_id, CARD)
                and not _is_ours(Path(api.hf_hub_download(repo_id, CARD)))
            ):
                (Path(name) / CARD).unlink()
            return str(api.upload_folder(repo_id=repo_id, folder_path=name, allow_patterns=list(FILES)))
        except (HfHubHTTPError, OSError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise VqaudioError(
                f"{repo_id} was not pushed: {reason}; `hf auth login` gives this machine a token"
            ) from None


def _is_ours(path: Path) -> bool:
    """Return whether a card may be written: there is none, or one of `card_of` with its mark still in it."""
    return not path.exists() or GENERATED in path.read_text(encoding="utf-8", errors="replace")


def _blank_codec(config: CodecConfig) -> Codec:
    """Build a codec whose weights are about to be read, without a trace in the state of the random generator."""
    with torch.random.fork_rng(devices=[]):
        return build_codec(config)
