"""The codec: encoder, quantizer, decoder on one time grid."""

from importlib import import_module

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from vqaudio.codec.config import CodecConfig
from vqaudio.codec.fingerprint import config_fingerprint, fingerprint
from vqaudio.codec.pitch.coder import Pitch, encode_pitch
from vqaudio.codec.pitch.prediction import loss_of_prediction, predict_pitch, track_of
from vqaudio.codec.speakers import KnownSpeakers, embed_speakers, resolve_speaker_embeddings
from vqaudio.codec.streaming import decode_latents
from vqaudio.codec.windows import decode_windows, encode_windows, real_frames, real_part
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import CodecOutput
from vqaudio.core.units import FrameGrid
from vqaudio.nn.decoder import ConvDecoder, FourierDecoder
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.nn.pitch import PitchTrack
from vqaudio.nn.pitch_predictor import PitchPredictor
from vqaudio.nn.reference import ReferenceEncoder
from vqaudio.quantizers.interface import Quantized, Quantizer


class Codec(nn.Module):
    """A neural speech codec, waveform -> codes -> waveform.

    In eval mode everything runs in windows of one fixed shape whose left context is carried as state, so a file's codes
    do not depend on what it is batched with, nor on the blocks in which it arrives (tests/codec/test_laws.py).
    Source: van den Oord et al. 2017, arXiv:1711.00937; streaming residual form: SoundStream, arXiv:2107.03312.
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: Quantizer,
        decoder: FourierDecoder | ConvDecoder,
        grid: FrameGrid,
        *,
        config: CodecConfig,
        reference: ReferenceEncoder | None = None,
        pitch_predictor: PitchPredictor | None = None,
    ) -> None:
        super().__init__()
        if encoder.hop != grid.hop_samples:
            raise VqaudioError(f"the encoder's strides multiply to {encoder.hop}, the grid's hop is {grid.hop_samples}")
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.reference, self.grid, self.config = reference, grid, config
        self.pitch_predictor = pitch_predictor
        self.known_speakers: KnownSpeakers | None = None

    @property
    def name(self) -> str:
        """Name of the codec in stores and tables."""
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
        """Codes per codebook."""
        return self.quantizer.codebook_size

    @property
    def window_samples(self) -> int:
        """Samples of one encoder window."""
        return self.window_frames * self.grid.hop_samples

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    @property
    def weights_sha256(self) -> str:
        """A hash of every weight that shapes codes or sound."""
        return fingerprint(self)

    @property
    def config_sha256(self) -> str:
        """Hash of the effective configuration; see `config_fingerprint`."""
        return config_fingerprint(self.config)

    def forward(self, audio: Tensor, speakers: Tensor | None = None, lengths: Tensor | None = None) -> CodecOutput:
        """Encode, quantize and decode audio in one pass; in eval mode exactly `encode` and `decode`, plus the losses.

        audio: `b 1 n`, speakers: `b` int64 or None, lengths: `b` samples that are real (all, if None).  Frames past a
        row's length have code 0 and a zero vector, and the quantizer neither counts nor learns them.  With a reference
        encoder the speaker embeddings are those of the audio itself, whoever the speakers are.
        """
        if not self.training:
            return self._forward_eval(audio, speakers, lengths)
        latents = self.encoder(F.pad(real_part(audio, lengths), (0, -audio.shape[-1] % self.grid.hop_samples)))
        quantized = self._quantized(latents, lengths)
        vectors = rearrange(quantized.vectors, "b t d -> b d t")
        codes = rearrange(quantized.codes, "b t k -> b k t")
        embeddings, log_magnitudes = self.speaker_embeddings(audio, speakers, lengths), None
        pitch, pitch_loss = self.own_pitch(audio, lengths), None
        if pitch is not None and self.pitch_predictor is not None:
            is_real = real_frames(vectors.shape[-1], lengths, self.grid.hop_samples)
            pitch_loss = loss_of_prediction(self.pitch_predictor, vectors, embeddings, pitch, is_real)
        if isinstance(self.decoder, FourierDecoder):
            conditioning = self.decoder.pitch
            track = None if pitch is None or conditioning is None else conditioning.drop_out(track_of(pitch))
            log_magnitudes, phases = self.decoder.spectrum(vectors, embeddings, track)
            sound = self.decoder.synthesize(log_magnitudes, phases, num_frames=vectors.shape[-1])
        else:
            sound = self.decoder(vectors)
        sound = sound[..., : audio.shape[-1]]
        return CodecOutput(sound, codes, latents.vectors, vectors, quantized.commitment, log_magnitudes, pitch_loss)

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Encode audio to codes.

        audio: `b 1 n` float32 at the grid's rate, lengths: `b` samples that are real (all, if None).
        Returns audio_codes `b k t` int64 with t = ceil(n / hop); frames past a row's length are 0.
        Raises VqaudioError for audio of another shape.
        """
        return self._encoded(audio, lengths, num_codebooks)[0]

    def embed(self, audio: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the speaker embedding `b e` of audio `b 1 n` of any length, each row's by itself.

        lengths: `b` samples that are real (all, if None).  Raises VqaudioError for a codec without reference encoder.
        """
        return embed_speakers(self, self._checked(audio), lengths)

    def speaker_embeddings(
        self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None = None
    ) -> Tensor | None:
        """Compute the speaker embeddings `b e` with which audio `b 1 n` is decoded in its own voices, or None.

        speakers: `b` int64, for a codec with a table.  A reference encoder computes them from the audio.
        """
        if self.reference is None:
            return None if speakers is None else resolve_speaker_embeddings(self, speakers, None, len(audio))
        return self.reference(audio, lengths) if self.training else self.embed(audio, lengths)

    def decode(
        self,
        audio_codes: Tensor | np.ndarray,
        length: int | None = None,
        speakers: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
        pitch: Pitch | None = None,
    ) -> Tensor:
        """Decode codes to audio.

        audio_codes: `b k t`, or `k t` for one recording, integers of any type, numpy's included (a store's rows have
        uint16); k may be fewer than the codec's.  length: samples to return, t * hop if None;
        speakers, embeddings: for a codec with speaker conditioning, see `resolve_speaker_embeddings`.
        pitch: for a codec that takes it, of the same frames, see `encode_pitch`; None leaves it to the decoder.
        Returns audio `b 1 length`.
        Raises VqaudioError for codes that are none of this codec's, or a length that does not end in the last frame.
        """
        audio_codes = self._checked_codes(audio_codes)
        num_frames = audio_codes.shape[-1]
        length = num_frames * self.grid.hop_samples if length is None else length
        if self.grid.num_frames(length) != num_frames:
            raise VqaudioError(
                f"{num_frames} frames of {self.grid.hop_samples} samples cannot give {length} samples; "
                f"pass the length that was encoded"
            )
        embeddings = resolve_speaker_embeddings(self, speakers, embeddings, len(audio_codes))
        track = None if pitch is None else self._checked_pitch(pitch, audio_codes)
        vectors = self.decode_latents(audio_codes)
        return decode_windows(self.decoder, vectors, embeddings, track, window_frames=self.window_frames)[..., :length]

    @property
    def pitch_steps(self) -> int:
        """Steps of the pitch that the decoder takes beside the codes; 0 for a codec that takes none."""
        return self.config.decoder.pitch_steps

    def encode_pitch(self, audio: Tensor, lengths: Tensor | None = None, *, median_hz: float | None = None) -> Pitch:
        """Encode the pitch of audio `b 1 n` around its speakers' medians, for `decode`.

        lengths: `b` samples that are real (all, if None).  median_hz: of the speaker; None takes each recording's own.
        Another voice speaks it by `pitch.around(its_median_hz)`.  Raises VqaudioError for a codec that takes no pitch.
        """
        if not self.pitch_steps:
            raise VqaudioError(f"{self.name} takes no pitch beside its codes; it has decoder.pitch_steps 0")
        return encode_pitch(self._checked(audio), self.grid, self.pitch_steps, lengths=lengths, median_hz=median_hz)

    def predict_pitch(
        self,
        audio_codes: Tensor | np.ndarray,
        speakers: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
        median_hz: float | None = None,
    ) -> Pitch:
        """Predict the pitch of codes that have none, such as a language model's, from them and the voice.

        audio_codes, speakers, embeddings: see `decode`.  median_hz: of the voice; None predicts it too.
        Raises VqaudioError for a codec that takes no pitch.
        """
        if self.pitch_predictor is None:
            raise VqaudioError(f"{self.name} takes no pitch beside its codes; it has decoder.pitch_steps 0")
        audio_codes = self._checked_codes(audio_codes)
        voices = resolve_speaker_embeddings(self, speakers, embeddings, len(audio_codes))
        pitch = predict_pitch(self.pitch_predictor, self.decode_latents(audio_codes), voices, self.pitch_steps)
        return pitch if median_hz is None else pitch.around(median_hz)

    def own_pitch(self, audio: Tensor, lengths: Tensor | None = None) -> Pitch | None:
        """Encode the pitch with which audio `b 1 n` is decoded in its own voices, or None, as `speaker_embeddings`."""
        return self.encode_pitch(audio, lengths) if self.pitch_steps else None

    def push_to_hub(self, repo_id: str, *, is_private: bool = False, card: str | None = None) -> str:
        """Write the codec to the Hugging Face hub; see `vqaudio.codec.saving.push_to_hub`."""
        saving = import_module("vqaudio.codec.saving")  # by its name, for it builds codecs and so imports this file
        return saving.push_to_hub(self, repo_id, is_private=is_private, card=card)

    def bypass_quantizer(self, audio: Tensor, *, embeddings: Tensor | None = None) -> Tensor:
        """Encode and decode without quantization: the ceiling of what more or better codebooks could give.

        audio: `b 1 n`, embeddings: see `decode`.  Returns audio `b 1 n`.
        """
        latents = self._encoded(audio, None, 1)[1]
        vectors = latents.vectors if latents.level_offset is None else latents.vectors + latents.level_offset
        embeddings = resolve_speaker_embeddings(self, None, embeddings, len(audio))
        sound = decode_windows(self.decoder, vectors, embeddings, window_frames=self.window_frames)
        return sound[..., : audio.shape[-1]]

    def decode_latents(self, audio_codes: Tensor) -> Tensor:
        """Look up the quantized latents `b d t` of audio_codes `b k t`."""
        return decode_latents(self.quantizer, audio_codes)

    def _quantized(self, latents: Latents, lengths: Tensor | None) -> Quantized:
        vectors = rearrange(latents.vectors, "b d t -> b t d")
        is_real = real_frames(vectors.shape[1], lengths, self.grid.hop_samples)
        offset = None if latents.level_offset is None else rearrange(latents.level_offset, "b d t -> b t d")
        return self.quantizer(vectors, is_real, offset)

    def _forward_eval(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> CodecOutput:
        codes, latents = self._encoded(audio, lengths, None)
        embeddings = self.speaker_embeddings(audio, speakers, lengths)
        pitch = self.own_pitch(audio, lengths)
        sound = self.decode(codes, audio.shape[-1], embeddings=embeddings, pitch=pitch)
        commitment = self._quantized(latents, lengths).commitment
        return CodecOutput(sound, codes, latents.vectors, self.decode_latents(codes), commitment)

    def _checked_pitch(self, pitch: Pitch, audio_codes: Tensor) -> PitchTrack:
        """Take the pitch that goes with codes `b k t` as the decoder wants it."""
        wanted = (len(audio_codes), audio_codes.shape[-1])
        if pitch.num_steps != self.pitch_steps or pitch.codes.shape != wanted:
            raise VqaudioError(
                f"pitch of {pitch.num_steps} steps and shape {tuple(pitch.codes.shape)} does not fit: {self.name} "
                f"takes {self.pitch_steps or 'no'} steps, and the codes have shape {wanted}"
            )
        return PitchTrack(*(values.to(self.device) for values in track_of(pitch)))

    def _encoded(self, audio: Tensor, lengths: Tensor | None, num_codebooks: int | None) -> tuple[Tensor, Latents]:
        """Encode the real samples of audio `b 1 n` to codes and latents."""
        audio = real_part(self._checked(audio), lengths)
        codes, latents = encode_windows(
            self.encoder, self.quantizer, audio, window_frames=self.window_frames, num_codebooks=num_codebooks
        )
        is_real = real_frames(codes.shape[-1], lengths, self.grid.hop_samples)
        return (codes if is_real is None else codes * is_real[:, None]), latents

    def _checked_codes(self, audio_codes: Tensor | np.ndarray) -> Tensor:
        """Take codes `b k t` or `k t` of any integer type as `b k t` int64 on the codec's device."""
        codes = torch.as_tensor(audio_codes)
        if codes.is_floating_point() or codes.dtype == torch.bool or codes.ndim not in (2, 3):
            raise VqaudioError(
                f"decode takes integer codes of shape (batch, codebooks, frames) or (codebooks, frames), got "
                f"{codes.dtype} {tuple(codes.shape)}"
            )
        codes = codes.to(self.device, torch.int64)
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.codebook_size:
            raise VqaudioError(
                f"codes from {codes.min()} to {codes.max()}; {self.name} has 0 to {self.codebook_size - 1}"
            )
        return codes[None] if codes.ndim == 2 else codes

    def _checked(self, audio: Tensor) -> Tensor:
        if audio.ndim != 3 or audio.shape[1] != 1 or audio.shape[-1] < 1:
            raise VqaudioError(
                f"encode takes audio of shape (batch, 1, samples) with at least one sample, got {tuple(audio.shape)}; "
                f"for one mono signal use audio[None, None]"
            )
        if not audio.is_floating_point():
            raise VqaudioError(f"encode takes floats in [-1, 1], got {audio.dtype}; for int16 use audio / 32768")
        if not audio.isfinite().all():
            raise VqaudioError("encode takes finite samples, got NaN or infinity; find where they come from")
        return audio.float()
