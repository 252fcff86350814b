"""Codecs on the hub: from its local cache, as huggingface_hub lays it out, and what is pushed; never the network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.codec.card import GENERATED
from vqaudio.codec.hub import is_repo_id
from vqaudio.codec.saving import open_codec, push_to_hub, save_codec
from vqaudio.core.errors import VqaudioError

huggingface_hub = pytest.importorskip("huggingface_hub")
AUDIO = torch.from_numpy(np.random.default_rng(0).standard_normal(4_000, dtype=np.float32) / 10)[None, None]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the hub that holds nothing, and a network that nobody may use."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    return tmp_path / "hub"


def put(cache: Path, repo_id: str, folder: Path) -> None:
    """Puts a folder into the cache as a download would."""
    repository = cache / f"models--{repo_id.replace('/', '--')}"
    shutil.copytree(folder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def test_a_codec_in_the_cache_opens_by_its_repository(make_voiced_codec, cache, tmp_path):
    codec = make_voiced_codec()
    save_codec(codec, tmp_path / "codec")
    put(cache, "ada/voiced", tmp_path / "codec")
    assert torch.equal(open_codec("ada/voiced").encode(AUDIO), codec.eval().encode(AUDIO))


def test_a_folder_of_that_name_goes_before_the_hub(make_voiced_codec, cache, tmp_path, monkeypatch):
    save_codec(make_voiced_codec(known=("ada",)), tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    known = open_codec("runs/mine").known_speakers
    assert known is not None
    assert known.names == ("ada",)


def test_what_is_not_in_the_cache_is_not_downloaded_and_the_sentence_says_how(cache):
    with pytest.raises(VqaudioError, match=r"no codec called 'ada/voiced'.*`hf download ada/voiced`"):
        open_codec("ada/voiced")


def test_a_download_that_was_asked_for_and_fails_is_not_advised_again(cache, monkeypatch):
    def fail(*_, **__):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(VqaudioError, match=r"the hub cannot be reached$"):
        open_codec("ada/voiced", may_download=True)


def test_a_download_that_was_asked_for_takes_the_files_of_a_codec_only(make_voiced_codec, cache, tmp_path, monkeypatch):
    save_codec(make_voiced_codec(), tmp_path / "codec")
    asked = {}

    def download(repo_id, **options):
        asked.update(options, repo_id=repo_id)
        return str(tmp_path / "codec")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    open_codec("ada/voiced", may_download=True)
    assert (asked["repo_id"], asked["local_files_only"]) == ("ada/voiced", False)
    assert not any(name.endswith((".bin", ".pt", ".py", "*")) for name in asked["allow_patterns"])


def test_what_is_pushed_opens_as_the_same_codec_with_a_card(make_voiced_codec, tmp_path, monkeypatch):
    codec, made = make_voiced_codec(), []

    def upload(self, *, repo_id, folder_path, allow_patterns):
        kept = [path for path in Path(folder_path).iterdir() if path.name in allow_patterns]
        assert len(kept) == len(list(Path(folder_path).iterdir()))
        shutil.copytree(folder_path, tmp_path / "pushed")
        return f"https://hub/{repo_id}/commit/1"

    monkeypatch.setattr(
        "huggingface_hub.HfApi.create_repo", lambda self, *args, **options: made.append((args, options))
    )
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload)
    monkeypatch.setattr("huggingface_hub.HfApi.file_exists", lambda self, repo_id, name: False)
    assert codec.push_to_hub("ada/voiced", is_private=True).endswith("ada/voiced/commit/1")
    assert made == [(("ada/voiced",), {"private": True, "exist_ok": True})]
    assert torch.equal(open_codec(tmp_path / "pushed").encode(AUDIO), codec.eval().encode(AUDIO))
    card = (tmp_path / "pushed" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: vqaudio\n")
    assert codec.weights_sha256 in card


@pytest.mark.parametrize(("there", "is_kept"), [("Mine.\n", True), (f"{GENERATED}\nold\n", False)])
def test_a_card_that_somebody_wrote_on_the_hub_stays(make_voiced_codec, tmp_path, monkeypatch, there, is_kept):
    (tmp_path / "README.md").write_text(there)
    api, pushed = "huggingface_hub.HfApi", list[set[str]]()
    monkeypatch.setattr(f"{api}.create_repo", lambda self, *args, **options: None)
    monkeypatch.setattr(f"{api}.file_exists", lambda self, repo_id, name: True)
    monkeypatch.setattr(f"{api}.hf_hub_download", lambda self, repo_id, name: str(tmp_path / name))
    monkeypatch.setattr(
        f"{api}.upload_folder",
        lambda self, *, folder_path, **_: pushed.append({path.name for path in Path(folder_path).iterdir()}),
    )
    push_to_hub(make_voiced_codec(), "ada/voiced")
    push_to_hub(make_voiced_codec(), "ada/voiced", card="All new.\n")
    assert ["README.md" in names for names in pushed] == [not is_kept, True]


def test_a_hub_that_refuses_is_a_sentence(make_voiced_codec, monkeypatch):
    def refuse(self, *args, **options):
        raise OSError("401 Unauthorized\nmore")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", refuse)
    with pytest.raises(VqaudioError, match="ada/voiced was not pushed: 401 Unauthorized; `hf auth login`"):
        push_to_hub(make_voiced_codec(), "ada/voiced")
    with pytest.raises(VqaudioError, match="is called OWNER/NAME, got 'voiced'"):
        push_to_hub(make_voiced_codec(), "voiced")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("ada/voiced", True), ("ada/voiced-1.2", True), ("voiced", False), ("a/b/c", False), ("../voiced", False),
     ("./runs", False), ("/ada/voiced", False), ("ada/", False), ("hf:ada/voiced", False), ("ada/..", False)],
)  # fmt: skip
def test_names_of_repositories(name, is_one):
    assert is_repo_id(name) is is_one
