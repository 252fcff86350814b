"""A codec whose decoder takes pitch beside the codes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.fingerprint import config_fingerprint
from vqaudio.codec.model import Codec
from vqaudio.codec.pitch.queue import PitchQueue
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.codec.streaming import DecoderRow, StreamingDecoder, decode_rows
from vqaudio.core.errors import VqaudioError
from vqaudio.nn.decoder import FourierDecoder
from vqaudio.nn.pitch import PitchConditioning, PitchTrack


def parts_of(codec: Codec) -> tuple[FourierDecoder, PitchConditioning]:
    assert isinstance(codec.decoder, FourierDecoder)
    assert codec.decoder.pitch is not None
    return codec.decoder, codec.decoder.pitch


@pytest.fixture
def pitched(config) -> Codec:
    """A small codec with random weights, some of them far from zero, that takes 16 steps of pitch."""
    torch.manual_seed(0)
    decoder = replace(config.decoder, pitch_steps=16, pitch_dropout=0.5, phase_iterations=0)
    codec = build_codec(replace(config, decoder=decoder)).eval().requires_grad_(False)
    conditioning = parts_of(codec)[1]
    conditioning.embedding.weight.normal_(0, 1)
    conditioning.gains.weight.normal_(0, 0.3)
    return codec


@pytest.fixture
def sung(voice) -> torch.Tensor:
    """Two seconds and a bit of a melody, `1 1 n`."""
    samples = voice(130 * 2 ** (0.4 * np.sin(np.arange(33_333) / 5_000)))
    return torch.from_numpy(samples.astype(np.float32))[None, None]


def test_decoding_in_windows_is_decoding_at_once(pitched: Codec, sung: torch.Tensor) -> None:
    codes, pitch = pitched.encode(sung), pitched.encode_pitch(sung)
    whole = pitched.decoder(pitched.decode_latents(codes), None, PitchTrack(pitch.codes, pitch.f0_hz))
    for frames in (7, 20, 200):
        pitched.config = replace(pitched.config, window_frames=frames)
        torch.testing.assert_close(pitched.decode(codes, pitch=pitch), whole, atol=1e-5, rtol=1e-4)


def test_the_sound_of_a_frame_changes_by_its_pitch_and_not_long_before_or_after(
    pitched: Codec, sung: torch.Tensor
) -> None:
    codes, pitch = pitched.encode(sung), pitched.encode_pitch(sung)
    other = pitch.codes.clone()
    other[0, 60] = 1 + pitch.codes[0, 60] % 16
    before, after = (pitched.decode(codes, pitch=replace(pitch, codes=c))[0, 0] for c in (pitch.codes, other))
    changed = (before - after).abs().reshape(-1, 320).amax(dim=1) > 1e-7
    assert changed[60]
    assert not changed[: 60 - pitched.decoder.lookahead_frames].any()


def test_harmonics_stand_at_the_time_and_the_pitch_that_were_given(pitched: Codec) -> None:
    """A decoder that knows harmonics alone: a voice of 200 Hz between frames 40 and 60."""
    decoder, conditioning = parts_of(pitched)
    for value in decoder.parameters():
        value.zero_()
    conditioning.gains.bias.fill_(1.0)
    decoder.head.project.bias[: decoder.head.n_fft // 2 + 1] = -3.0
    codes = torch.zeros(1, 4, 100, dtype=torch.int64)
    pitch = pitched.encode_pitch(torch.zeros(1, 1, 32_000)).around(200.0)
    pitch.codes[0, 40:60] = 9
    spectra, _ = decoder.spectrum(pitched.decode_latents(codes), None, PitchTrack(pitch.codes, pitch.f0_hz))
    delay = decoder.network_lookahead * 2
    ripple = spectra[0, delay:].std(dim=1)
    loud = (ripple > 0.1).nonzero()[:, 0]
    # Spectrum m has its middle at frame (m + 1) / 2: from between frames 39 and 40 to between 59 and 60.
    assert (int(loud[0]), int(loud[-1])) == (78, 118)
    peaks = spectra[0, delay + 95]
    f0_hz = float(pitch.f0_hz[0, 50])
    assert abs(int(peaks[4:13].argmax()) + 4 - f0_hz / 25) <= 0.5


def test_no_pitch_given_is_another_sound_than_unvoiced_and_streams_decode_without(
    pitched: Codec, sung: torch.Tensor
) -> None:
    codes, pitch = pitched.encode(sung), pitched.encode_pitch(sung)
    unvoiced = replace(pitch, codes=torch.zeros_like(pitch.codes))
    silent, without = pitched.decode(codes, pitch=unvoiced), pitched.decode(codes)
    assert (silent - without).abs().max() > 1e-4
    decoder = StreamingDecoder(pitched)
    streamed = np.concatenate([decoder.push(codes[0].numpy()), decoder.finish()])
    np.testing.assert_allclose(streamed, without[0, 0].numpy(), atol=1e-6)


def test_in_eval_mode_one_pass_is_encode_and_decode_with_its_own_pitch(pitched: Codec, sung: torch.Tensor) -> None:
    output = pitched(sung)
    wanted = pitched.decode(pitched.encode(sung), sung.shape[-1], pitch=pitched.own_pitch(sung))
    torch.testing.assert_close(output.audio, wanted, atol=0, rtol=0)


def test_training_reaches_the_pitch_conditioning(config, sung: torch.Tensor) -> None:
    torch.manual_seed(0)
    decoder = replace(config.decoder, pitch_steps=16, pitch_dropout=0.0)
    codec = build_codec(replace(config, decoder=decoder)).train()
    audio = sung[..., :16_000]
    log_magnitudes = codec(audio).log_magnitudes
    assert log_magnitudes is not None
    log_magnitudes.square().mean().backward()
    conditioning = parts_of(codec)[1]
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in conditioning.parameters())


def test_pitch_that_does_not_fit_is_refused(pitched: Codec, codec: Codec, sung: torch.Tensor) -> None:
    codes, pitch = pitched.encode(sung), pitched.encode_pitch(sung)
    for wrong in (replace(pitch, num_steps=8), replace(pitch, codes=pitch.codes[:, 1:])):
        with pytest.raises(VqaudioError, match="does not fit"):
            pitched.decode(codes, pitch=wrong)
    with pytest.raises(VqaudioError, match="takes no steps"):
        codec.decode(codec.encode(sung), pitch=pitch)
    with pytest.raises(VqaudioError, match="takes no pitch"):
        codec.encode_pitch(sung)
    assert codec.own_pitch(sung) is None
    with pytest.raises(VqaudioError, match="mirror"):
        build_codec(replace(pitched.config, decoder=replace(pitched.config.decoder, kind="mirror")))


def test_it_is_saved_and_opened_and_is_another_codec_than_the_one_without_pitch(
    pitched: Codec, config, sung: torch.Tensor, tmp_path
) -> None:
    save_codec(pitched, tmp_path)
    opened = open_codec(tmp_path)
    pitch = pitched.own_pitch(sung)
    codes = pitched.encode(sung)
    torch.testing.assert_close(opened.decode(codes, pitch=pitch), pitched.decode(codes, pitch=pitch), atol=0, rtol=0)
    assert config_fingerprint(pitched.config) != config_fingerprint(config)


def test_pitch_is_predicted_from_codes_for_those_that_have_none(
    pitched: Codec, codec: Codec, sung: torch.Tensor
) -> None:
    codes = pitched.encode(sung)
    pitch = pitched.predict_pitch(codes)
    assert pitch.codes.shape == (1, codes.shape[-1])
    assert 0 <= int(pitch.codes.min()) <= int(pitch.codes.max()) <= 16
    assert pitched.predict_pitch(codes, median_hz=99.0).median_hz.tolist() == [99.0]
    assert torch.equal(pitched.predict_pitch(codes[0].numpy()).codes, pitch.codes)
    assert pitched.decode(codes, pitch=pitch).isfinite().all()
    with pytest.raises(VqaudioError, match="takes no pitch"):
        codec.predict_pitch(codec.encode(sung))


def test_the_predictor_learns_and_what_the_codec_is_else_learns_nothing_from_it(config, sung: torch.Tensor) -> None:
    torch.manual_seed(0)
    codec = build_codec(replace(config, decoder=replace(config.decoder, pitch_steps=16))).train()
    output = codec(sung[..., :16_000])
    assert output.pitch is not None
    output.pitch.backward()
    learning = {name.split(".")[0] for name, value in codec.named_parameters() if value.grad is not None}
    assert learning == {"pitch_predictor"}


@pytest.mark.parametrize("portion", [1, 7, 20, 64])
def test_a_stream_with_pitch_sounds_as_the_whole_in_whatever_portions_it_comes(
    pitched: Codec, sung: torch.Tensor, portion: int
) -> None:
    codes, pitch = pitched.encode(sung), pitched.encode_pitch(sung)
    wanted = pitched.decode(codes, sung.shape[-1], pitch=pitch)[0, 0].numpy()
    decoder, parts = StreamingDecoder(pitched, median_hz=float(pitch.median_hz)), []
    for at in range(0, codes.shape[-1], portion):
        window = slice(at, at + portion)
        parts.append(decoder.push(codes[0, :, window].numpy(), pitch.codes[0, window].numpy()))
    parts.append(decoder.finish(sung.shape[-1]))
    np.testing.assert_allclose(np.concatenate(parts), wanted, atol=1e-6)


def test_streams_with_pitch_and_without_share_a_batch(pitched: Codec, sung: torch.Tensor) -> None:
    codes, pitch = pitched.encode(sung)[..., :20], pitched.encode_pitch(sung)
    rows = []
    for given in (pitch.codes[0, :20].numpy(), None):
        queue = PitchQueue(pitched.decoder.pitch, float(pitch.median_hz))
        queue.push(given, 20)
        track = queue.next_window(20, pitched.device)
        rows.append(DecoderRow(codes, 20, pitched.decoder.zero_state(1), None, track))
    together = decode_rows(pitched, rows, num_rows=4)
    for row, (sound, _) in zip(rows, together, strict=True):
        torch.testing.assert_close(decode_rows(pitched, [row], num_rows=1)[0][0], sound, atol=1e-5, rtol=1e-4)
    assert (together[0][0] - together[1][0]).abs().max() > 1e-4


def test_a_stream_refuses_pitch_that_does_not_fit(pitched: Codec, codec: Codec, sung: torch.Tensor) -> None:
    codes = pitched.encode(sung)[0, :, :5].numpy()
    for wrong in (np.zeros(4, int), np.full(5, 17), np.full(5, -1)):
        with pytest.raises(VqaudioError, match="does not fit"):
            StreamingDecoder(pitched, median_hz=150.0).push(codes, wrong)
    with pytest.raises(VqaudioError, match="give median_hz"):
        StreamingDecoder(pitched).push(codes, np.ones(5, int))
    with pytest.raises(VqaudioError, match="takes no steps"):
        StreamingDecoder(codec).push(codes, np.zeros(5, int))
