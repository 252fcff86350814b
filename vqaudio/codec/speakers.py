"""Speaker embeddings for the decoder: of known speakers by name, and of recordings of unknown ones."""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from vqaudio.codec.locate import SPEAKERS, speaker_names
from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.core.protocols import NeuralCodec
from vqaudio.nn.conv import fixed_windows

TABLE = "speakers.safetensors"
WINDOW_FRAMES = 100  # of the reference encoder's stem, at once


@dataclass(frozen=True, eq=False)
class KnownSpeakers:
    """The known speakers of a codec: names, and embeddings `n e` in their order."""

    names: tuple[str, ...]
    embeddings: Tensor

    def find(self, name: str) -> Tensor:
        """Look up the embedding `1 e` of a speaker.  Raises VqaudioError with the nearest names for an unknown one."""
        if name in self.names:
            return self.embeddings[self.names.index(name)][None]
        close = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
        hint = f"; near: {', '.join(close)}" if close else f", {self.names[0]!r} for one"
        raise VqaudioError(f"speaker {name!r} is not one of the {len(self.names)} that this codec knows{hint}")


def save_speakers(folder: Path, known: KnownSpeakers | None, weights_sha256: str) -> None:
    """Write both files beside the weights whose embeddings they hold; with None, remove those of other weights."""
    if known is None:
        (folder / SPEAKERS).unlink(missing_ok=True)
        (folder / TABLE).unlink(missing_ok=True)
        return
    names = {"weights_sha256": weights_sha256, "names": list(known.names)}
    tensors = {"embeddings": known.embeddings.detach().float().cpu().contiguous()}
    replace_durably(folder / TABLE, lambda path: path.write_bytes(save(tensors)))
    text = json.dumps(names, indent=0, ensure_ascii=False) + "\n"
    replace_durably(folder / SPEAKERS, lambda path: path.write_text(text, encoding="utf-8"))


def read_speakers(folder: Path, weights_sha256: str) -> KnownSpeakers | None:
    """Read the speakers that `save_speakers` wrote, None where there are none.

    Raises VqaudioError for files that are damaged or about other weights.
    """
    names = speaker_names(folder)
    if not names:
        return None
    try:
        stored = parse_json((folder / SPEAKERS).read_text(encoding="utf-8"))
        embeddings = load_file(folder / TABLE)["embeddings"].float()
        is_theirs = stored["weights_sha256"] == weights_sha256
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise VqaudioError(f"the speakers in {folder} cannot be read: {error}; fetch the codec again") from error
    if not is_theirs or embeddings.ndim != 2 or len(names) != len(embeddings):
        raise VqaudioError(
            f"{folder / SPEAKERS} is about other weights; delete it, and run recipes/speaker_table.py again"
        )
    return KnownSpeakers(names, embeddings)


def embed_speakers(codec: NeuralCodec, audio: Tensor, lengths: Tensor | None) -> Tensor:
    """Compute speaker embeddings `b e` of audio `b 1 n`, each row by itself, in windows of one shape.

    lengths: `b` samples that are real (all, if None).  Raises VqaudioError for a codec without reference encoder.
    """
    if codec.reference is None:
        raise VqaudioError(
            f"{codec.name} has no reference encoder: only a codec with speaker_kind `reference` takes a recording for "
            "a speaker"
        )
    stem, embeddings = codec.reference.stem, []
    for at, row in enumerate(audio.split(1)):
        row = row if lengths is None else row[..., : max(int(lengths[at]), 1)]
        num_frames, state, parts = -(-row.shape[-1] // stem.stride), stem.zero_state(1), []
        for window in fixed_windows(row, WINDOW_FRAMES * stem.stride):
            output, state = stem.step(window, state)
            parts.append(output.features)
        embeddings.append(codec.reference.pool_statistics(torch.cat(parts, dim=-1)[..., :num_frames]))
    return torch.cat(embeddings)


def resolve_speaker_embeddings(
    codec: NeuralCodec, speakers: Tensor | None, embeddings: Tensor | None, batch: int
) -> Tensor | None:
    """Choose the speaker embeddings `b e` for the decoder; None for a codec without speakers.

    speakers: `b` int64, indices of known ones (of a codec with a table: rows of the table); embeddings: `b e`, or
    `1 e` for all rows.  With neither it is the mean over the speech trained on (of a table: over its rows).
    Raises VqaudioError for a speaker who is not there, or embeddings of another shape.
    """
    conditioning = codec.decoder.conditioning
    if conditioning is None:
        if embeddings is not None:
            raise VqaudioError(f"{codec.name} was trained without speakers: its decoder takes no embeddings")
        return None
    if embeddings is None:
        embeddings = _typical(codec)[None] if speakers is None else _known_embeddings(codec, speakers)
    if embeddings.ndim != 2 or embeddings.shape[0] not in (1, batch) or embeddings.shape[1] != conditioning.width:
        raise VqaudioError(
            f"embeddings of shape {tuple(embeddings.shape)} do not fit {batch} rows of codes; "
            f"wanted ({batch}, {conditioning.width}) or (1, {conditioning.width})"
        )
    return embeddings.to(codec.device).expand(batch, -1)


def _typical(codec: NeuralCodec) -> Tensor:
    if codec.reference is not None:
        return codec.reference.typical
    assert codec.decoder.conditioning is not None, "a codec with speakers has a table where it has no reference"
    return codec.decoder.conditioning.table.mean(dim=0)


def _known_embeddings(codec: NeuralCodec, speakers: Tensor) -> Tensor:
    if codec.reference is None:
        assert codec.decoder.conditioning is not None, "a codec with speakers has a table where it has no reference"
        return codec.decoder.conditioning.embed(speakers)
    known = codec.known_speakers
    num_known = 0 if known is None else len(known.names)
    if known is None or int(speakers.min()) < 0 or int(speakers.max()) >= num_known:
        raise VqaudioError(
            f"{codec.name} knows {num_known} speakers, got numbers {speakers.tolist()[:5]}; "
            "pass embeddings=codec.embed(audio) for others"
        )
    return known.embeddings.to(speakers.device)[speakers]
