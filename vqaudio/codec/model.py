"""The codec: encoder, quantizer, decoder on one time grid."""

from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from vqaudio.codec.config import CodecConfig
from vqaudio.codec.fingerprint import fingerprint
from vqaudio.codec.interface import CodecOutput
from vqaudio.codec.windows import decode_windows, encode_windows, real_part
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.nn.conv import State
from vqaudio.nn.decoder import FourierDecoder, MirrorDecoder
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.quantizers.interface import Quantized, Quantizer
from vqaudio.quantizers.residual import ResidualQuantizer


class Codec(nn.Module):
    """Waveform -> codes -> waveform.

    In eval mode everything runs in windows of one fixed shape whose left context is carried as state, so a file's codes
    do not depend on what it is batched with, nor on the blocks in which it arrives (law 2 of tests/codec/test_laws.py).
    Source: van den Oord et al. 2017, arXiv:1711.00937; streaming residual form: SoundStream, arXiv:2107.03312.
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: Quantizer,
        decoder: FourierDecoder | MirrorDecoder,
        grid: FrameGrid,
        *,
        config: CodecConfig,
    ) -> None:
        super().__init__()
        if encoder.hop != grid.hop_samples:
            raise VqaudioError(f"the encoder's strides multiply to {encoder.hop}, the grid's hop is {grid.hop_samples}")
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.grid, self.config = grid, config

    @property
    def name(self) -> str:
        """What the codec is called in stores and tables."""
        return self.config.name

    @property
    def window_frames(self) -> int:
        """Frames of one encoder window."""
        return self.config.window_frames

    @property
    def num_codebooks(self) -> int:
        """Codes per frame."""
        return self.quantizer.num_codebooks

    @property
    def codebook_size(self) -> int:
        """Codes to choose from in each codebook."""
        return self.quantizer.codebook_size

    @property
    def window_samples(self) -> int:
        """Samples of one encoder window."""
        return self.window_frames * self.grid.hop_samples

    @property
    def weights_sha256(self) -> str:
        """A hash of every weight that shapes codes or sound."""
        return fingerprint(self)

    def forward(self, audio: Tensor, speakers: Tensor | None = None, lengths: Tensor | None = None) -> CodecOutput:
        """One pass; in eval mode exactly `encode` and `decode`, plus the losses.

        audio: `b 1 n`, speakers: `b` int64 or None, lengths: `b` samples that are real (all, if None).  Frames past a
        row's length have code 0 and a zero vector, and the quantizer neither counts nor learns them.
        """
        if not self.training:
            return self._forward_by_the_doors(audio, speakers, lengths)
        latents = self.encoder(F.pad(real_part(audio, lengths), (0, -audio.shape[-1] % self.grid.hop_samples)))
        quantized = self._quantized(latents, lengths)
        vectors = rearrange(quantized.vectors, "b t d -> b d t")
        codes, embeddings = rearrange(quantized.codes, "b t k -> b k t"), self.speaker_embeddings(speakers)
        log_magnitudes = None
        if isinstance(self.decoder, FourierDecoder):
            log_magnitudes, phases = self.decoder.spectrum(vectors, embeddings)
            sound = self.decoder.synthesize(log_magnitudes, phases, num_frames=vectors.shape[-1])
        else:
            sound = self.decoder(vectors)
        sound = sound[..., : audio.shape[-1]]
        return CodecOutput(sound, codes, latents.vectors, vectors, quantized.commitment, log_magnitudes)

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Audio to codes.

        audio: `b 1 n` float32 at the grid's rate, lengths: `b` samples that are real (all, if None).
        Returns audio_codes `b k t` int64 with t = ceil(n / hop); frames past a row's length are 0.
        Raises VqaudioError for audio of another shape.
        """
        return self._encoded(audio, lengths, num_codebooks)[0]

    def decode(self, audio_codes: Tensor, length: int | None = None, speakers: Tensor | None = None) -> Tensor:
        """Codes to audio.

        audio_codes: `b k t` int64, k may be fewer than the codec's; length: samples to return, t * hop if None;
        speakers: `b` int64 for a codec with speaker conditioning.  Returns audio `b 1 length`.
        Raises VqaudioError if the length does not end in the last frame.
        """
        num_frames = audio_codes.shape[-1]
        length = num_frames * self.grid.hop_samples if length is None else length
        if self.grid.num_frames(length) != num_frames:
            raise VqaudioError(
                f"{num_frames} frames of {self.grid.hop_samples} samples cannot give {length} samples; "
                f"pass the length that was encoded"
            )
        return decode_windows(self, audio_codes, self.speaker_embeddings(speakers))[..., :length]

    def encode_window(
        self, audio: Tensor, state: State, num_codebooks: int | None = None
    ) -> tuple[Tensor, Latents, State]:
        """audio: `b 1 window_samples`.

        Returns codes `b k t` and latents, late by the encoder's lookahead, and the state for the next window.
        """
        latents, state = self.encoder.step(audio, state)
        vectors = rearrange(latents.vectors, "b d t -> b t d")
        if latents.late is None:
            codes = self.quantizer.encode(vectors, num_codebooks)
        else:
            codes = self._stack.encode(vectors, num_codebooks, rearrange(latents.late, "b d t -> b t d"))
        return rearrange(codes, "b t k -> b k t"), latents, state

    def decode_window(
        self, audio_codes: Tensor, num_real: int, state: State, embeddings: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """audio_codes: `b k window_frames`, of which num_real are codes and the rest silence for the lookahead.

        Returns audio `b 1 window_samples`, late by the decoder's lookahead, and the state for the next window.
        """
        is_real = torch.arange(audio_codes.shape[-1], device=audio_codes.device) < num_real
        return self.decoder.step(self.vectors(audio_codes) * is_real, state, embeddings)

    def vectors(self, audio_codes: Tensor) -> Tensor:
        """audio_codes: `b k t`.  Returns what the decoder hears, `b d t`."""
        return rearrange(self.quantizer.decode(rearrange(audio_codes, "b k t -> b t k")), "b t d -> b d t")

    def speaker_embeddings(self, speakers: Tensor | None) -> Tensor | None:
        """speakers: `b` int64 or None.  Returns `b e`, or None for a codec without speakers."""
        if self.decoder.conditioning is None or speakers is None:
            return None
        return self.decoder.conditioning.embed(speakers)

    def save(self, folder: str | Path, *, is_half: bool = False) -> str:
        """Writes model.safetensors and config.json for `open_codec`; see `vqaudio.codec.saving.save_codec`."""
        from vqaudio.codec.saving import save_codec

        return save_codec(self, folder, is_half=is_half)

    @property
    def _stack(self) -> ResidualQuantizer:
        assert isinstance(self.quantizer, ResidualQuantizer), "only a stack of codebooks has codes after the first"
        return self.quantizer

    def _quantized(self, latents: Latents, lengths: Tensor | None) -> Quantized:
        vectors, is_real = rearrange(latents.vectors, "b d t -> b t d"), self._real_frames(latents.vectors, lengths)
        if latents.late is None:
            return self.quantizer(vectors, is_real)
        return self._stack(vectors, is_real, rearrange(latents.late, "b d t -> b t d"))

    def _forward_by_the_doors(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> CodecOutput:
        codes, latents = self._encoded(audio, lengths, None)
        sound = self.decode(codes, audio.shape[-1], speakers)
        commitment = self._quantized(latents, lengths).commitment
        return CodecOutput(sound, codes, latents.vectors, self.vectors(codes), commitment)

    def _encoded(self, audio: Tensor, lengths: Tensor | None, num_codebooks: int | None) -> tuple[Tensor, Latents]:
        """Codes and latents of what is real in audio `b 1 n`."""
        audio = real_part(self._checked(audio), lengths)
        codes, latents = encode_windows(self, audio, num_codebooks)
        is_real = self._real_frames(codes, lengths)
        return (codes if is_real is None else codes * is_real[:, None]), latents

    def _real_frames(self, frames: Tensor, lengths: Tensor | None) -> Tensor | None:
        """frames: `b _ t`, lengths: `b` samples or None.  Returns `b t`, true where a frame has a real sample."""
        if lengths is None:
            return None
        num_frames = -(-lengths // self.grid.hop_samples)
        return torch.arange(frames.shape[-1], device=frames.device) < num_frames[:, None].to(frames.device)

    def _checked(self, audio: Tensor) -> Tensor:
        if audio.ndim != 3 or audio.shape[1] != 1 or audio.shape[-1] < 1:
            raise VqaudioError(
                f"encode takes audio of shape (batch, 1, samples) with at least one sample, got {tuple(audio.shape)}; "
                f"for one mono signal use audio[None, None]"
            )
        return audio.float()
