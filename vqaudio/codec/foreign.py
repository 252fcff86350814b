"""Codecs of `transformers` behind the commands of this package: EnCodec, DAC, Mimi, X-Codec, XCodec2.

A recording goes through the model by itself and as a whole: so its codes are those of a direct call, whatever it is
batched with.  It costs memory: that of the model's activations over the whole recording.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.codec.fingerprint import fingerprint
from vqaudio.codec.hub import not_opened
from vqaudio.codec.locate import FOREIGN_PREFIX
from vqaudio.codec.progress_bars import without_progress_bars
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.core.units import FrameGrid
from vqaudio.nn.devices import find_device

KINDS = ("encodec", "dac", "mimi", "xcodec", "xcodec2")  # `model_type` in config.json
PREPARED = ("xcodec2",)  # those whose feature extractor must be called: they hear spectra beside samples


class ForeignCodec:
    """A codec of transformers as an AudioTokenizer: see `open_foreign`.

    Audio is filled up with silence to whole frames before it is encoded, and sound cut to the length that was asked
    for, so that lengths are exact.  Of a whole number of frames the codes are those of the model's own `encode`.
    extractor: the model's feature extractor, of those in PREPARED, which fills up by itself; the frame that it may add
    is left out.
    """

    def __init__(self, model: Any, name: str, config: dict[str, Any], extractor: Any = None) -> None:
        self.model, self.name, self._extractor = model, name, extractor
        self.grid = FrameGrid(_sample_rate_hz(model), _hop_samples(model))
        self.num_codebooks, self.codebook_size = _num_codebooks(model), _codebook_size(model)
        self.weights_sha256 = fingerprint(model)
        self.config_sha256 = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.model.parameters()).device

    @torch.inference_mode()
    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Encode audio `b 1 n`; lengths: `b` samples that are real.  Returns codes `b k t`, 0 past a row's length."""
        ends = [audio.shape[-1]] * len(audio) if lengths is None else lengths.tolist()
        rows = [self._encode_row(row[..., :end]) for row, end in zip(audio.split(1), ends, strict=True)]
        num_frames = self.grid.num_frames(audio.shape[-1])
        return torch.cat([F.pad(row, (0, num_frames - row.shape[-1])) for row in rows])[:, :num_codebooks]

    @torch.inference_mode()
    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """Decode codes `b k t` to audio `b 1 length`, t * hop if None.

        Raises VqaudioError for a length that does not end in the last frame.
        """
        num_frames = audio_codes.shape[-1]
        length = num_frames * self.grid.hop_samples if length is None else length
        if self.grid.num_frames(length) != num_frames:
            raise VqaudioError(f"{num_frames} frames of {self.grid.hop_samples} samples cannot give {length} samples")
        codes = torch.as_tensor(audio_codes).to(self.device, torch.int64)
        sound = torch.cat([self._decode_row(row) for row in codes.split(1)])
        return F.pad(sound, (0, max(0, length - sound.shape[-1])))[..., :length]

    def _encode_row(self, audio: Tensor) -> Tensor:
        missing = -audio.shape[-1] % self.grid.hop_samples
        num_frames = self.grid.num_frames(audio.shape[-1])
        if self._extractor is None:
            codes = self._encode_batch(F.pad(audio.to(self.device, torch.float32), (0, missing)))
        else:
            codes = self._encode_prepared([audio[0, 0]])
        if codes.shape[-1] < num_frames:
            raise VqaudioError(
                f"{self.name} gives {codes.shape[-1]} frames for {num_frames * self.grid.hop_samples} "
                f"samples, wanted {num_frames}: too short for this model"
            )
        return codes[..., :num_frames]

    def _encode_batch(self, audio: Tensor, mask: Tensor | None = None) -> Tensor:
        """Call the model's `encode` on audio `b 1 n`, with its padding mask `b 1 n` where it takes one."""
        kind, options = self.model.config.model_type, {}
        if kind in ("encodec", "xcodec"):
            options["bandwidth"] = max(self.model.config.target_bandwidths)
        if mask is not None and kind in ("encodec", "mimi"):
            options["padding_mask"] = mask
        codes = self.model.encode(audio, **options).audio_codes
        return codes.reshape(len(audio), *codes.shape[-2:])  # EnCodec puts its chunks before

    def _encode_prepared(self, rows: list[Tensor]) -> Tensor:
        """Call the model's `encode` on what its feature extractor makes of recordings `n`.  Returns codes `b k t`."""
        samples = [row.cpu().numpy().astype(np.float32) for row in rows]
        inputs = self._extractor(samples, sampling_rate=self.grid.sample_rate_hz, return_tensors="pt")
        return self.model.encode(**inputs.to(self.device)).audio_codes

    @torch.inference_mode()
    def encode_padded(self, audio: Tensor, lengths: Tensor) -> Tensor:
        """Encode a batch as the model does by itself, padding and all: what `encode` differs from.

        audio: `b 1 n`, whole hops, zero after each row's length; lengths: `b` samples.  Returns codes `b k t`.
        """
        if self._extractor is not None:
            return self._encode_prepared([row[0, :end] for row, end in zip(audio, lengths.tolist(), strict=True)])
        is_real = torch.arange(audio.shape[-1]) < lengths[:, None]
        return self._encode_batch(audio.to(self.device, torch.float32), is_real[:, None].to(self.device))

    @torch.inference_mode()
    def decoded_length(self, num_samples: int) -> int:
        """Count the samples that the model by itself gives back for so many, without padding or cutting of ours.

        Raises VqaudioError where it takes no such length.
        """
        audio = torch.zeros(1, 1, num_samples, device=self.device)
        try:
            codes = self._encode_batch(audio) if self._extractor is None else self._encode_prepared([audio[0, 0]])
            return self._decode_row(codes).shape[-1]
        except (RuntimeError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise VqaudioError(f"{self.name} takes no {num_samples} samples: {reason}") from None

    def _decode_row(self, codes: Tensor) -> Tensor:
        if self.model.config.model_type == "encodec":
            sound = self.model.decode(codes[None], [None]).audio_values
        elif self.model.config.model_type == "dac":
            sound = self.model.decode(audio_codes=codes).audio_values
        else:
            sound = self.model.decode(codes).audio_values
        return sound.reshape(1, 1, -1)


class WholeEncoder:
    """The encoder of one recording as a whole: it keeps the blocks, and encodes them together at the end."""

    def __init__(self, codec: AudioTokenizer, num_codebooks: int | None = None) -> None:
        self.codec, self.num_codebooks = codec, num_codebooks
        self._blocks: list[NDArray[np.float32]] = []

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Keep more samples.  Returns no codes yet, `k 0`."""
        self._blocks.append(np.array(samples, dtype=np.float32))
        return np.zeros((self.num_codebooks or self.codec.num_codebooks, 0), dtype=np.int64)

    def finish(self) -> NDArray[np.int64]:
        """Encode the recording.  Returns its codes `k t`."""
        audio = torch.from_numpy(np.concatenate(self._blocks))[None, None]
        return self.codec.encode(audio, num_codebooks=self.num_codebooks)[0].cpu().numpy()


class WholeDecoder:
    """The decoder of one recording of a ForeignCodec: it keeps the codes, and decodes them together at the end."""

    def __init__(self, codec: ForeignCodec) -> None:
        self.codec = codec
        self._blocks: list[NDArray[np.int64]] = []

    def push(self, codes: NDArray[np.integer], pitch: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
        """Keep more codes `k t`.  Returns no sound yet.  Raises VqaudioError for pitch, which none of them takes."""
        if pitch is not None:
            raise VqaudioError(f"{self.codec.name} takes no pitch beside its codes")
        self._blocks.append(np.asarray(codes, dtype=np.int64))
        return np.zeros(0, dtype=np.float32)

    def finish(self, num_samples: int) -> NDArray[np.float32]:
        """Decode the recording to its number of samples."""
        codes = torch.from_numpy(np.concatenate(self._blocks, axis=1))[None]
        return self.codec.decode(codes, num_samples)[0, 0].cpu().numpy()


def open_foreign(name: str, device: str = "cpu") -> ForeignCodec:
    """Open `hf:DIR` or `hf:OWNER/NAME`, in eval mode; the latter where it was fetched before: nothing is downloaded.

    Raises VqaudioError without transformers, for a model that is not there, has no safetensors, or is of another kind.
    """
    where = name.removeprefix(FOREIGN_PREFIX)
    place = find_device(device)
    try:
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModel
    except ImportError as error:
        raise VqaudioError(f"{name} needs transformers: pip install 'vqaudio[hf]' ({error})") from None
    try:
        config = AutoConfig.from_pretrained(where, local_files_only=True, trust_remote_code=False)
        kind = getattr(config, "model_type", None)
        if kind not in KINDS:
            raise VqaudioError(
                f"{name} is a model of the kind {kind!r}; the codecs that come in are {', '.join(KINDS)}"
            )
        _require_plain(name, config)
        options = {"local_files_only": True, "trust_remote_code": False}
        extractor = AutoFeatureExtractor.from_pretrained(where, **options) if kind in PREPARED else None
        with without_progress_bars():
            model = AutoModel.from_pretrained(where, use_safetensors=True, **options)
    except VqaudioError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise not_opened(name, where, error) from None
    settings = {key: value for key, value in config.to_dict().items() if not key.startswith("_")}
    settings.pop("transformers_version", None)
    return ForeignCodec(
        model.to(place).float().eval().requires_grad_(False),
        f"{FOREIGN_PREFIX}{Path(where).name}",
        settings,
        extractor,
    )


def _require_plain(name: str, config: Any) -> None:
    """Check that codes alone say what a recording is.  Raises VqaudioError for stereo, and for scales beside codes."""
    if getattr(config, "audio_channels", 1) != 1:
        raise VqaudioError(f"{name} has {config.audio_channels} channels; the codecs that come in are mono")
    if getattr(config, "normalize", False) or getattr(config, "chunk_length_s", None):
        raise VqaudioError(f"{name} cuts recordings into chunks with a scale each, which no codes hold")


def _sample_rate_hz(model: Any) -> int:
    config = model.config
    return int(getattr(config, "sampling_rate", None) or config.sample_rate)


def _hop_samples(model: Any) -> int:
    config = model.config
    if config.model_type == "mimi":
        return round(config.sampling_rate / config.frame_rate)
    if config.model_type == "encodec":
        return math.prod(config.upsampling_ratios)
    return int(config.hop_length)


def _num_codebooks(model: Any) -> int:
    config = model.config
    if config.model_type == "encodec":
        return int(model.quantizer.get_num_quantizers_for_bandwidth(max(config.target_bandwidths)))
    if config.model_type == "dac":
        return int(config.n_codebooks)
    return 1 if config.model_type == "xcodec2" else int(config.num_quantizers)


def _codebook_size(model: Any) -> int:
    config = model.config
    return math.prod(config.quantization_levels) if config.model_type == "xcodec2" else int(config.codebook_size)
