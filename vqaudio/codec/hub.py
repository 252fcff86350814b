"""Codecs on the Hugging Face hub: opened from its local cache, fetched only when that is asked for."""

import re
from pathlib import Path

from vqaudio.core.errors import VqaudioError

FILES = ("config.json", "model.safetensors", "README.md", "speakers.json", "speakers.safetensors")
_REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_repo_id(name: str) -> bool:
    """Return whether a name has the form `OWNER/NAME`."""
    return _REPO_ID.fullmatch(name) is not None and not name.endswith((".", ".."))


def find_on_hub(repo_id: str, *, revision: str | None = None, may_download: bool = False) -> Path:
    """Find the folder of a codec `OWNER/NAME` in the hub's local cache; with may_download it is fetched first.

    Only safetensors and text are fetched.  Raises VqaudioError without huggingface_hub, or where it is not to be had.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise VqaudioError(
            f"{repo_id} on the hub needs huggingface_hub: pip install 'vqaudio[hub]' ({error})"
        ) from None
    try:
        folder = snapshot_download(
            repo_id, revision=revision, allow_patterns=list(FILES), local_files_only=not may_download
        )
    except LocalEntryNotFoundError:
        if may_download:
            raise VqaudioError(f"{repo_id} is not in the hub's local cache, and the hub cannot be reached") from None
        raise VqaudioError(
            f"{repo_id} is not in the hub's local cache; if it is a repository there, fetch it once with "
            f"`hf download {repo_id}` or open_codec({repo_id!r}, may_download=True)"
        ) from None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise VqaudioError(
            f"{repo_id} cannot be fetched: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from None
    return Path(folder)


def not_opened(name: str, where: str, error: Exception) -> VqaudioError:
    """Say why a model of transformers, in DIR or OWNER/NAME, was not opened, and how to fetch one that is not here."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    advice = "" if Path(where).exists() else f"; fetch it once with `hf download {where}`: nothing is downloaded here"
    return VqaudioError(f"{name} cannot be opened: {reason}{advice}")
