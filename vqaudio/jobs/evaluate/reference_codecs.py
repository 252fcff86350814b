"""Coders to compare, behind one protocol: our codec, a folder of decodings, outside programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import from_int16, to_int16
from vqaudio.codec.model import Codec
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.evaluate.entropy import EntropyMeter
from vqaudio.metrics.distance import Samples
from vqaudio.metrics.usage import code_agreement, count_codes, entropy_bitrate_bps, nominal_bitrate_bps

UNQUANTIZED = "unquantized"  # the setting of latents that no codebook has touched
FOLDER_INDEX = "decodings.json"
GAIN_DB = 6.0
# Shares of first-layer codes: the same when the decoded sound is encoded again; changed when the original is GAIN_DB
# softer or louder, the mean of both.
STABILITY = ("consistency", "gain_flips")


class Reconstruction(NamedTuple):
    """A decoding of one original. setting: the row of the table it belongs to.  samples: `n`, as long as its original.

    stability: what can be said of a coder with codes, by the names of STABILITY.
    """

    setting: str
    samples: Samples
    stability: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Rates:
    """Bitrates in kbit/s.

    nominal: log2(v) a code.  entropy: unigram, ideal coder.  adaptive, prior: see `EntropyMeter`.  file: on the disk,
    container included.
    """

    nominal: float | None = None
    entropy: float | None = None
    entropy_corrected: float | None = None
    file: float | None = None
    adaptive: float | None = None
    prior: float | None = None


class ReferenceCodec(Protocol):
    """A coder under comparison: a name and its settings, one row of the table each."""

    name: str
    settings: tuple[str, ...]

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Decode one original `n`, once per setting.  Raises VqaudioError for a file it cannot do."""
        ...

    def rates(self) -> Mapping[str, Rates]:
        """Compute the rates of every setting, over the files coded so far."""
        ...


def as_sixteen_bit(samples: Samples) -> NDArray[np.float32]:
    """Clip and round samples to 16 bits, as `write_audio` does."""
    return from_int16(to_int16(np.asarray(samples, np.float32)))


class TokenizerCodec:
    """A tokenizer at several numbers of codebooks; each file is encoded once and decoded once for each.

    codec: any AudioTokenizer.  num_codebooks: the rows, each from 1 to the codec's own number.
    has_unquantized: one row more, for what encoder and decoder give without quantizer; of our codecs only.
    meter: of two rates more; it gets the codes of every file.
    """

    def __init__(
        self,
        codec: AudioTokenizer,
        num_codebooks: Sequence[int],
        *,
        device: str = "cpu",
        has_unquantized: bool = False,
        meter: EntropyMeter | None = None,
    ) -> None:
        wrong = [k for k in num_codebooks if not 1 <= k <= codec.num_codebooks]
        if wrong or not num_codebooks:
            raise VqaudioError(f"{codec.name} has codebooks 1 to {codec.num_codebooks}, got {list(num_codebooks)}")
        if has_unquantized and not isinstance(codec, Codec):
            raise VqaudioError(f"{codec.name} shows no latents; --unquantized is for codecs of vqaudio")
        self.codec, self.device, self.has_unquantized, self._meter = codec, device, has_unquantized, meter
        self.num_codebooks = tuple(dict.fromkeys(num_codebooks))
        self.name = codec.name
        self.settings = (*map(str, self.num_codebooks), *((UNQUANTIZED,) if has_unquantized else ()))
        self.counts = np.zeros((codec.num_codebooks, codec.codebook_size), np.int64)

    @property
    def note(self) -> str | None:
        """What the decoder gets beside the codes: a speaker embedding, pitch."""
        if not isinstance(self.codec, Codec):
            return None
        told = []
        if self.codec.decoder.conditioning is not None:
            whose = (
                "nobody in particular" if self.codec.reference is None else "the right speaker, heard in the original"
            )
            told.append(f"who speaks: {whose}")
        if self.codec.pitch_steps:
            bps = nominal_bitrate_bps(1, self.codec.pitch_steps + 1, self.codec.grid.frame_rate_hz)
            told.append(f"the pitch: {bps:.0f} bit/s beside the codes, which the rates leave out")
        return f"{self.name} is told {'; '.join(told)}" if told else None

    def _audio(self, samples: Samples) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(samples, np.float32)).to(self.device)[None, None]

    def _encode(self, samples: Samples) -> torch.Tensor:
        return self.codec.encode(self._audio(samples))

    @torch.inference_mode()
    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Encode one original and decode it once per number of codebooks, rounded to 16 bits as by `vqaudio decode`."""
        codes = self._encode(reference)
        first = codes[0, :1].cpu().numpy()
        self.counts += count_codes([codes[0].cpu().numpy()], self.codec.codebook_size)
        if self._meter is not None:
            self._meter.add(codes[0])
        flips = np.mean([1 - self._same(first, reference * 10 ** (gain / 20)) for gain in (-GAIN_DB, GAIN_DB)])
        for k in self.num_codebooks:
            audio = self._decode(codes[:, :k], reference)
            samples = as_sixteen_bit(audio[0, 0].float().cpu().numpy())
            stability = {"consistency": self._same(first, samples), "gain_flips": float(flips)}
            yield Reconstruction(str(k), samples, stability)
        if self.has_unquantized:
            assert isinstance(self.codec, Codec)
            audio = self._audio(reference)
            sound = self.codec.bypass_quantizer(audio, embeddings=self.codec.speaker_embeddings(audio, None))
            yield Reconstruction(UNQUANTIZED, as_sixteen_bit(sound[0, 0].float().cpu().numpy()))

    def _decode(self, codes: torch.Tensor, reference: Samples) -> torch.Tensor:
        if not isinstance(self.codec, Codec):
            return self.codec.decode(codes, length=len(reference))
        audio = self._audio(reference)
        voice, pitch = self.codec.speaker_embeddings(audio, None), self.codec.own_pitch(audio)
        return self.codec.decode(codes, len(reference), embeddings=voice, pitch=pitch)

    def _same(self, first: NDArray[np.int64], samples: Samples) -> float:
        return float(code_agreement(first, self._encode(samples)[0, :1].cpu().numpy())[0])

    def rates(self) -> dict[str, Rates]:
        """Compute the rates of the first k codebooks over all files coded."""
        size, frame_rate_hz = self.codec.codebook_size, self.codec.grid.frame_rate_hz
        coded = {k: self._meter.rates(k) if self._meter else None for k in self.num_codebooks}
        return dict.fromkeys(self.settings, Rates()) | {
            str(k): Rates(
                nominal=nominal_bitrate_bps(k, size, frame_rate_hz) / 1000,
                entropy=entropy_bitrate_bps(self.counts[:k], frame_rate_hz) / 1000,
                entropy_corrected=entropy_bitrate_bps(self.counts[:k], frame_rate_hz, is_corrected=True) / 1000,
                **(found._asdict() if (found := coded[k]) else {}),
            )
            for k in self.num_codebooks
        }


class FolderCodec:
    """Decodings that another program left on disk, such as `recipes/benchmarks/mel_control.py`.

    folder: holds `decodings.json`, {"name": ..., "settings": {setting: {"folder": ..., "kbps": number or null}}},
    and in each setting's folder the decodings under their original's id with the suffix `.wav`.
    Raises VqaudioError if the index is missing or not of this form.
    """

    def __init__(self, folder: Path, sample_rate_hz: int) -> None:
        try:
            index = parse_json((folder / FOLDER_INDEX).read_text(encoding="utf-8"))
            self.name = str(index["name"])
            self._folders = {key: folder / entry["folder"] for key, entry in index["settings"].items()}
            self._rates = {key: Rates(nominal=entry["kbps"]) for key, entry in index["settings"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise VqaudioError(
                f"{folder} holds no readable {FOLDER_INDEX} ({error}); write one with recipes/benchmarks/mel_control.py"
            ) from error
        self.settings = tuple(self._folders)
        self._sample_rate_hz = sample_rate_hz

    def reconstruct(self, source_id: str, reference: Samples) -> Iterator[Reconstruction]:
        """Read the stored decodings.  Raises VqaudioError if one is missing or not as long as its original."""
        for setting, folder in self._folders.items():
            path = (folder / source_id).with_suffix(".wav")
            if not path.is_file():
                raise VqaudioError(f"{path} is missing: this file was not decoded by {self.name}")
            samples = read_audio(path, self._sample_rate_hz)
            if len(samples) != len(reference):
                raise VqaudioError(f"{path} has {len(samples)} samples, its original {len(reference)}")
            yield Reconstruction(setting, samples)

    def rates(self) -> dict[str, Rates]:
        """Return the rates that the index names."""
        return self._rates
