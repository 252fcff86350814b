"""Encoder, decoders, stem and head: causality, streaming, known signals."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.nn import fourier
from vqaudio.nn.blocks import ConvNeXtBlock
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.decoder import ConvDecoder, FourierDecoder
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.nn.fourier import ISTFTHead
from vqaudio.nn.stem import FLOOR, SOFT_FLOOR, SpectralStem, compressed, mel_bands


def spectral_encoder(has_level_split=False, lookahead_frames=0):
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=20, has_level_split=has_level_split)
    return Encoder(
        widths=(12, 16),
        strides=(160, 2),
        dilations=((1,), (1, 3)),
        latent_width=6,
        stem=stem,
        stem_bands=20,
        is_level_sent=True,
        lookahead_frames=lookahead_frames,
    )


def level_encoder():
    return spectral_encoder(has_level_split=True)


def encoder_ahead():
    return spectral_encoder(has_level_split=True, lookahead_frames=2)


def waveform_encoder():
    return Encoder(widths=(8, 12, 16, 16), strides=(8, 5, 4, 2), dilations=((1, 3, 9),) * 4, latent_width=6)


def fourier_decoder(iterations=0, conditioning=None):
    head = ISTFTHead(16, hop=160, num_iterations=iterations)
    return FourierDecoder(
        head,
        width=16,
        hidden=24,
        dilations=((1,), (3,)),
        latent_width=6,
        network_lookahead=2,
        conditioning=conditioning,
    )


def mirror_decoder():
    return ConvDecoder(
        widths=(16, 12, 8, 8), strides=(2, 4, 5, 8), dilations=(1, 3), latent_width=6, lookahead_frames=1
    )


@pytest.mark.parametrize("make", [spectral_encoder, waveform_encoder, level_encoder, encoder_ahead])
def test_an_encoder_streams_as_it_runs_offline(make):
    encoder, audio = make(), torch.randn(2, 1, 320 * 12) * torch.linspace(0.3, 0.01, 320 * 12)
    assert encoder.hop == 320
    state, vectors, late = encoder.zero_state(2), [], []
    for part in torch.nn.functional.pad(audio, (0, 320 * encoder.lookahead_frames)).split(320 * 5, dim=-1):
        latents, state = encoder.step(part, state)
        vectors.append(latents.vectors)
        late += [] if latents.level_offset is None else [latents.level_offset]
    whole = encoder(audio)
    streamed = encoder.in_time(Latents(torch.cat(vectors, dim=-1), torch.cat(late, dim=-1) if late else None))
    assert_close(streamed.vectors, whole.vectors, atol=1e-4, rtol=1e-4)
    assert (streamed.level_offset is None) == (make not in (level_encoder, encoder_ahead))
    if whole.level_offset is not None:
        assert_close(streamed.level_offset, whole.level_offset, atol=1e-4, rtol=1e-4)


def test_a_lookahead_shifts_what_the_network_hears_and_not_the_level():
    encoder, audio = encoder_ahead(), torch.randn(1, 1, 320 * 12) * torch.linspace(0.01, 0.3, 320 * 12)
    there = encoder(audio)
    encoder.lookahead_frames = 0
    here = encoder(audio)
    assert_close(there.vectors[..., :-2], here.vectors[..., 2:], atol=1e-4, rtol=1e-4)
    assert_close(there.level_offset, here.level_offset)


def test_features_of_a_stem_give_the_vectors_that_their_sound_gives():
    encoder, audio = encoder_ahead(), torch.randn(1, 1, 320 * 12)
    assert encoder.stem is not None
    heard = encoder.vectors_of(encoder.stem(audio).features)
    assert_close(heard, encoder(audio).vectors[..., :-2], atol=1e-4, rtol=1e-4)


def test_a_negative_lookahead_is_refused():
    with pytest.raises(VqaudioError, match="must be 0 or more, got -1"):
        spectral_encoder(lookahead_frames=-1)


@pytest.mark.parametrize("make", [spectral_encoder, waveform_encoder])
def test_the_context_of_an_encoder_is_its_whole_memory(make):
    encoder = make()
    frames = math.ceil(encoder.context / 320) + 3
    audio = torch.randn(1, 1, 320 * frames) * 0.1
    changed = audio.clone()
    forgotten = 320 * (frames - 1) - encoder.context
    changed[..., :forgotten] = 0.2
    assert torch.equal(encoder(audio).vectors[..., -1], encoder(changed).vectors[..., -1])
    changed[..., forgotten + 330] += 0.5
    assert not torch.equal(encoder(audio).vectors[..., -1], encoder(changed).vectors[..., -1])


@pytest.mark.parametrize("make", [fourier_decoder, mirror_decoder])
def test_a_decoder_streams_as_it_runs_offline(make, cut):
    decoder, vectors = make(), torch.randn(2, 6, 15)
    delay = decoder.lookahead_frames
    late = cut(decoder, torch.nn.functional.pad(vectors, (0, delay)), 4)
    assert_close(late[..., delay * 320 :], decoder(vectors), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("make", [fourier_decoder, mirror_decoder])
def test_sound_hears_no_further_ahead_than_the_lookahead(make):
    decoder, vectors = make(), torch.randn(1, 6, 15)
    changed = vectors.clone()
    changed[..., 10:] += 1
    same = (10 - decoder.lookahead_frames) * 320
    assert torch.equal(decoder(vectors)[..., :same], decoder(changed)[..., :same])
    assert not torch.equal(decoder(vectors), decoder(changed))


def test_a_sinusoid_of_amplitude_one_has_magnitude_one_in_its_band():
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=40)
    tone = torch.sin(torch.arange(6_400) * 2 * torch.pi * 1_000 / 16_000)[None, None]
    frames = tone[:, 0].unfold(-1, 640, 160)
    magnitudes = torch.fft.rfft(frames * stem.window).abs()
    assert_close(magnitudes[..., 40], torch.ones_like(magnitudes[..., 40]), atol=1e-3, rtol=0)
    silence = stem(torch.zeros(1, 1, 640)).features
    assert_close(silence, torch.full_like(silence, (math.log10(FLOOR) + 3.0) / 0.7), atol=1e-3, rtol=0)


def test_mel_bands_average_and_cover_every_bin():
    bands = mel_bands(16_000, 321, 100)
    assert_close(bands.sum(dim=0), torch.ones(100))
    assert (bands[1:-1].sum(dim=1) > 0).all()


def test_more_gain_moves_every_feature_alike():
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=40)
    audio = torch.randn(1, 1, 6_400)
    difference = stem(audio).features - stem(audio / 2).features
    assert_close(difference, torch.full_like(difference, math.log10(2) / 0.7), atol=0.03, rtol=0)  # the floor bends it


def test_the_head_gives_back_a_sound_from_its_own_spectrum():
    head = ISTFTHead(4, hop=160)
    audio = torch.randn(1, 1, 160 * 30)
    around = torch.nn.functional.pad(audio[:, 0], (480, 480))
    frames = torch.fft.rfft(around.unfold(-1, 640, 160) * head.window) / head.scale
    late = head.synthesize(torch.log(frames.abs()), frames.angle())
    assert_close(late[..., 480 : 480 + audio.shape[-1] - 480], audio[..., :-480], atol=1e-4, rtol=1e-4)


def consistency_error(frames, head):
    """How far the magnitudes of the sound are from those that were asked for."""
    sound = head._overlap_add(frames, torch.zeros(1, 3, head.hop)).flatten(1)
    seen = torch.fft.rfft(sound.unfold(-1, head.n_fft, head.hop) * head.window)
    inner = slice(8, -8)
    return float((seen.abs() - frames.abs())[:, inner].square().sum() / frames.abs()[:, inner].square().sum())


def test_iterations_make_magnitudes_consistent():
    head = ISTFTHead(4, hop=160, num_iterations=16)
    chirp = torch.sin(torch.cumsum(torch.linspace(0.05, 0.9, 160 * 40), dim=0))[None]
    magnitudes = torch.fft.rfft(chirp.unfold(-1, 640, 160) * head.window).abs()
    start = torch.polar(magnitudes, torch.zeros_like(magnitudes))
    better = head._griffin_lim(start, torch.zeros(1, 3, 160))
    assert_close(better.abs(), magnitudes, atol=1e-2, rtol=1e-2)
    assert consistency_error(better, head) < 0.1 * consistency_error(start, head)


def test_magnitudes_of_a_wild_start_are_limited_and_its_sound_is_finite():
    head = ISTFTHead(4, hop=160, num_iterations=2)
    torch.nn.init.constant_(head.project.bias, 1e4)
    log_magnitudes, _ = head.spectrum(torch.randn(1, 4, 20))
    assert_close(log_magnitudes, torch.full_like(log_magnitudes, fourier.MAX_LOG_MAGNITUDE))
    assert head(torch.randn(1, 4, 20)).isfinite().all()
    assert head.step(torch.randn(1, 4, 20), head.zero_state(1))[0].isfinite().all()


def harmonics(num_samples):
    """A gliding voice, `1 n`."""
    time_s = torch.arange(num_samples) / 16_000
    phase = 2 * torch.pi * torch.cumsum(150 + 30 * torch.sin(2 * torch.pi * 3 * time_s), dim=0) / 16_000
    return 0.1 * torch.stack([torch.sin(order * phase) / order for order in range(1, 20)]).sum(dim=0)[None]


def test_each_iteration_helps_and_momentum_gets_further_than_none(monkeypatch):
    """Perraudin et al. 2013, figure 1; with the sign of the momentum turned, iterations get less far than without."""

    def error(num_iterations, momentum):
        monkeypatch.setattr(fourier, "MOMENTUM", momentum)
        head = ISTFTHead(4, hop=160, num_iterations=num_iterations)
        magnitudes = torch.fft.rfft(harmonics(6_400).unfold(-1, 640, 160) * head.window).abs()
        start = torch.polar(magnitudes, torch.zeros_like(magnitudes))
        return consistency_error(head._griffin_lim(start, torch.zeros(1, 3, 160)), head)

    wanted = fourier.MOMENTUM
    errors = [error(num_iterations, wanted) for num_iterations in (0, 1, 4, 12, 36)]
    assert all(later < 0.7 * earlier for earlier, later in itertools.pairwise(errors)), errors
    assert error(24, wanted) < 0.6 * error(24, 0.0)
    assert error(24, -wanted) > 1.4 * error(24, 0.0)


def test_a_unit_looks_back_only_over_its_context():
    unit = ConvNeXtBlock(8, hidden=16, dilation=3)
    x = torch.randn(1, 8, 40)
    changed = x.clone()
    changed[..., : 39 - unit.context] += 1
    assert torch.equal(unit(x)[..., -1], unit(changed)[..., -1])


def test_a_speaker_changes_the_sound_and_must_be_named():
    speakers = SpeakerConditioning(3, embedding_width=5, unit_widths=(16, 16))
    decoder, vectors = fourier_decoder(conditioning=speakers), torch.randn(1, 6, 5)
    one, two = (decoder(vectors, speakers.embed(torch.tensor([i]))) for i in (0, 1))
    assert not torch.equal(one, two)
    with pytest.raises(VqaudioError, match="a speaker embedding"):
        decoder(vectors)
    with pytest.raises(VqaudioError, match="no speaker embedding"):
        fourier_decoder()(vectors, torch.zeros(1, 5))
    with pytest.raises(VqaudioError, match=r"speaker index 3 is not in 0\.\.2"):
        speakers.embed(torch.tensor([3]))


@pytest.mark.parametrize("soft_share", [0.0, 0.1, 0.3])
def test_compression_has_slope_one_for_speech_and_the_soft_share_below_the_floor(soft_share):
    def slope(amplitude):
        pair = compressed(torch.tensor([amplitude, 1.01 * amplitude], dtype=torch.float64), soft_share)
        return float(pair[1] - pair[0]) / math.log10(1.01)

    assert slope(1e3 * FLOOR) == pytest.approx(1, abs=0.01)
    between = math.sqrt(FLOOR * SOFT_FLOOR)
    share = between / (between + SOFT_FLOOR) * soft_share + between / (between + FLOOR) * (1 - soft_share)
    assert slope(between) == pytest.approx(share, abs=0.01)
    assert slope(0.01 * SOFT_FLOOR) == pytest.approx(0, abs=0.01)
