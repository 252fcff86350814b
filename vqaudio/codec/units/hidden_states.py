"""The hidden states of HuBERT, WavLM, wav2vec 2.0 and their kin in transformers, of one layer.

A recording goes through the model by itself and as a whole: its vectors are those of a direct call.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vqaudio.codec.fingerprint import fingerprint
from vqaudio.codec.hub import not_opened
from vqaudio.codec.progress_bars import without_progress_bars
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.nn.devices import find_device

KINDS = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")  # `model_type` in config.json
MAX_SECONDS = 900  # attention over more needs the square of the memory, and takes the machine down with it
UNSHAPED = ("architectures", "dtype", "torch_dtype", "transformers_version")  # of config.json, no matter to vectors
DRAWN = ("masked_spec_embed",)  # weights that only training uses: models that lack them are whole


class HiddenStates:
    """A model of transformers up to one layer: samples to the vectors after it.

    layer: counted from 1; its vectors are `hidden_states[layer]` of a call with `output_hidden_states=True`, before
    the normalization that large models end with, as fairseq's `output_layer` has them.  Layers above it are dropped.
    receptive_field: samples that a frame hears; frame t is centred at t * hop + receptive_field / 2.
    settings: all that shapes the vectors beside the weights, as JSON values.
    """

    def __init__(self, model: Any, extractor: Any, where: str, layer: int, config: dict[str, Any]) -> None:
        self.model, self.extractor, self.where, self.layer = model, extractor, where, layer
        self.name = Path(where).name
        self.settings = {"model": config, "layer": layer, "is_normalized": bool(extractor.do_normalize)}
        strides, kernels = model.config.conv_stride, model.config.conv_kernel
        self.grid = FrameGrid(int(extractor.sampling_rate), int(np.prod(strides)))
        self.receptive_field = int(1 + sum((k - 1) * np.prod(strides[:i]) for i, k in enumerate(kernels)))
        self.width = int(model.config.hidden_size)
        self.weights_sha256 = fingerprint(model)
        self._found = threading.local()  # recordings are encoded in several threads, with one model

        def keep(module: Any, given: Any, result: Any) -> None:
            self._found.states = result[0] if isinstance(result, tuple) else result

        model.encoder.layers[-1].register_forward_hook(keep)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.model.parameters()).device

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the vectors `t d` of samples `n`: as many frames as the model's convolutions give.

        The recording is normalised as the model wants it.  One that is shorter than a frame hears is filled up with
        silence, after that.  Raises VqaudioError for one that is too long.
        """
        if len(samples) > MAX_SECONDS * self.grid.sample_rate_hz:
            raise VqaudioError(
                f"{len(samples) / self.grid.sample_rate_hz:.0f} s are too long for attention over a whole recording, "
                f"which ends at {MAX_SECONDS} s; cut it into segments with --manifest"
            )
        rate_hz = self.grid.sample_rate_hz
        values = self.extractor(np.asarray(samples, np.float32), sampling_rate=rate_hz, return_tensors="pt")
        audio = values.input_values.to(self.device, torch.float32)
        self.model(F.pad(audio, (0, max(0, self.receptive_field - audio.shape[-1]))))
        return self._found.states[0].cpu().numpy()


def open_hidden_states(where: str, layer: int, device: str = "cpu") -> HiddenStates:
    """Open a model in DIR or OWNER/NAME up to a layer, in eval mode; the latter where it was fetched before.

    Raises VqaudioError without transformers, for a model that is not there, has no safetensors or not all weights, is
    of another kind or has no such layer, or without preprocessor_config.json, which says how recordings are prepared.
    """
    place = find_device(device)
    try:
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, PretrainedConfig
    except ImportError as error:
        raise VqaudioError(f"{where} needs transformers: pip install 'vqaudio[hf]' ({error})") from None
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(where, **options)
        kind = getattr(config, "model_type", None)
        if kind not in KINDS:
            raise VqaudioError(f"{where} is a model of the kind {kind!r}; units are made with {', '.join(KINDS)}")
        if not 1 <= layer <= config.num_hidden_layers:
            raise VqaudioError(f"{where} has layers 1 to {config.num_hidden_layers}, got --layer {layer}")
        stored, _ = PretrainedConfig.get_config_dict(where, local_files_only=True)
        extractor = AutoFeatureExtractor.from_pretrained(where, **options)
        with without_progress_bars():
            model, facts = AutoModel.from_pretrained(where, use_safetensors=True, output_loading_info=True, **options)
    except VqaudioError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise not_opened(where, where, error) from None
    if not hasattr(extractor, "do_normalize"):
        raise VqaudioError(f"{where} is prepared by {type(extractor).__name__}, which takes no plain samples")
    if missing := sorted(name for name in facts["missing_keys"] if not name.endswith(DRAWN)):
        raise VqaudioError(f"{where} lacks {len(missing)} weights, such as {missing[0]}: its vectors would be noise")
    model.encoder.layers = model.encoder.layers[:layer]
    model = model.to(place).float().eval().requires_grad_(False)
    # As the file has it: what a later version of the library adds to a configuration makes no other units.
    config = {key: value for key, value in stored.items() if not key.startswith("_") and key not in UNSHAPED}
    return HiddenStates(model, extractor, where, layer, config)
