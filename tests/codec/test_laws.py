"""The laws of CONTRIBUTING.md: one path, one tensor shape, exact length."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder
from vqaudio.codec.windows import encode_windows
from vqaudio.core.errors import VqaudioError


@pytest.fixture(params=[0, 2], ids=["no lookahead", "lookahead"])
def codec(request, codec, codec_ahead):
    """Every law holds for an encoder that hears ahead, too."""
    return codec_ahead if request.param else codec


def streamed_codes(codec, samples, sizes):
    encoder, parts, at = StreamingEncoder(codec), [], 0
    while at < len(samples):
        size = next(sizes)
        parts.append(encoder.push(samples[at : at + size]))
        at += size
    return np.concatenate([*parts, encoder.finish()], axis=1)


def test_forward_in_eval_mode_is_encode_and_decode(codec, speech):
    output = codec(speech)
    assert torch.equal(output.codes, codec.encode(speech))
    assert torch.equal(output.audio, codec.decode(output.codes, speech.shape[-1]))


def test_codes_of_a_row_do_not_depend_on_its_batch(codec, speech):
    together = codec.encode(speech)
    alone = torch.cat([codec.encode(row) for row in speech.split(1)])
    assert torch.equal(together, alone)
    assert torch.equal(codec.encode(speech.flip(0)), together.flip(0))


def test_codes_do_not_depend_on_padding_when_lengths_are_given(codec, speech):
    length = 7 * 320 + 1
    padded = torch.cat([speech[:1, :, :length], torch.full((1, 1, 900), 0.7)], dim=-1)
    lengths = torch.tensor([length])
    codes = codec.encode(padded, lengths)
    assert torch.equal(codes[..., :8], codec.encode(speech[:1, :, :length]))
    assert not codes[..., 8:].any()


def test_padding_teaches_the_quantizer_nothing(codec, speech):
    learner = copy.deepcopy(codec).train()
    learner.quantizer.dropout = 0.0
    other = copy.deepcopy(learner)
    length = 20 * 320
    learner(speech[:1, :, :length])
    padded = torch.cat([speech[:1, :, :length], torch.rand(1, 1, 640) - 0.5], dim=-1)
    output = other(padded, lengths=torch.tensor([length]))
    assert not output.codes[..., 20:].any()
    for (name, a), (_, b) in zip(learner.quantizer.named_buffers(), other.quantizer.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4, msg=name)


def careless_codes(codec, rows):
    """The wrong way: pad to the longest, peak-normalise the batch, encode it as one tensor."""
    size = max(row.shape[-1] for row in rows)
    batch = torch.cat([torch.nn.functional.pad(row, (size - row.shape[-1], 0)) for row in rows])
    return [codec.encode(batch)[i, :, : codec.grid.num_frames(row.shape[-1])] for i, row in enumerate(rows)]


def test_the_batch_law_catches_a_careless_batch(codec, speech):
    rows = [speech[:1], speech[1:, :, :9_001]]
    alone = [codec.encode(row)[0] for row in rows]
    careless = careless_codes(codec, rows)
    assert torch.equal(careless[0], alone[0])
    assert not torch.equal(careless[1], alone[1])


@pytest.mark.parametrize("size", [320, 160, 4096, "random"])
def test_streamed_codes_equal_those_of_the_whole_file(codec, speech, size):
    samples = speech[0, 0].numpy()
    rng = np.random.default_rng(0)
    sizes = iter(lambda: int(rng.integers(1, 5_000)) if size == "random" else size, None)
    assert np.array_equal(streamed_codes(codec, samples, sizes), codec.encode(speech[:1])[0].numpy())


def test_fewer_codebooks_are_the_first_of_all(codec, speech):
    assert torch.equal(codec.encode(speech, num_codebooks=2), codec.encode(speech)[:, :2])
    two = StreamingEncoder(codec, num_codebooks=2)
    streamed = np.concatenate([two.push(speech[0, 0].numpy()), two.finish()], axis=1)
    assert np.array_equal(streamed, codec.encode(speech[:1])[0, :2].numpy())


@pytest.mark.parametrize("extra", [0, 1, 319])
@pytest.mark.parametrize("frames", [0, 1, 7, 20, 21])
def test_lengths_are_exact(codec, speech, frames, extra):
    length = frames * 320 + extra
    if length == 0:
        with pytest.raises(VqaudioError, match="at least one sample"):
            codec.encode(speech[..., :0])
        return
    codes = codec.encode(speech[..., :length])
    assert codes.shape == (2, 4, -(-length // 320))
    assert codec.decode(codes, length).shape == (2, 1, length)


def test_a_length_outside_the_last_frame_is_refused(codec, speech):
    codes = codec.encode(speech[..., :3_200])
    with pytest.raises(VqaudioError, match="10 frames of 320 samples cannot give 3201"):
        codec.decode(codes, 3_201)


@pytest.mark.parametrize("frames", [1, 17, 20, 21, 40])
def test_after_the_last_frame_the_decoder_hears_zero_vectors_and_not_code_0(codec, speech, frames):
    codes, delay, window = codec.encode(speech[:1, :, : frames * 320]), codec.decoder.lookahead_frames, 20
    after = torch.zeros_like(codes[..., :1]).expand(-1, -1, delay)
    heard = codec.decode_latents(codes), torch.zeros_like(codec.decode_latents(after)), codec.decode_latents(after)

    def sound(*parts):
        vectors, state, blocks = torch.cat(parts, dim=-1), codec.decoder.zero_state(1), []
        for block in torch.nn.functional.pad(vectors, (0, -vectors.shape[-1] % window)).split(window, dim=-1):
            audio, state = codec.decoder.step(block, state)
            blocks.append(audio)
        return torch.cat(blocks, dim=-1)[..., delay * 320 : (delay + frames) * 320]

    torch.testing.assert_close(codec.decode(codes), sound(*heard[:2]), atol=1e-5, rtol=1e-4)
    ends = [found[..., -320:] for found in (codec.decode(codes), sound(heard[0], heard[2]))]
    assert (ends[0] - ends[1]).norm() > 0.1 * ends[0].norm()


@pytest.mark.parametrize("portion", [1, 7, 20, 53])
def test_streamed_sound_equals_that_of_all_codes(codec, speech, portion):
    codes, length = codec.encode(speech[:1]), speech.shape[-1]
    decoder, parts = StreamingDecoder(codec), []
    for at in range(0, codes.shape[-1], portion):
        parts.append(decoder.push(codes[0, :, at : at + portion].numpy()))
    parts.append(decoder.finish(length))
    assert np.array_equal(np.concatenate(parts), codec.decode(codes, length)[0, 0].numpy())


def test_a_short_stream_is_decoded_whole(codec, speech):
    codes = codec.encode(speech[:1, :, :321])
    decoder = StreamingDecoder(codec)
    sound = np.concatenate([decoder.push(codes[0].numpy()), decoder.finish(321)])
    assert np.array_equal(sound, codec.decode(codes, 321)[0, 0].numpy())


@pytest.mark.parametrize("num_samples", [320, 641])
def test_a_stream_of_two_frames_gives_321_to_640_samples_and_no_other_number(codec, speech, num_samples):
    """One more would be invented, 320 would leave a frame out without a word."""
    decoder = StreamingDecoder(codec)
    decoder.push(codec.encode(speech[:1, :, :321])[0].numpy())
    with pytest.raises(VqaudioError, match=f"2 frames came, which cannot give {num_samples} samples"):
        decoder.finish(num_samples)


def test_codes_hear_as_far_ahead_as_the_lookahead(codec, speech):
    changed = speech.clone()
    changed[..., 9_600:] = 0.3
    same, ahead = codec.encode(changed) == codec.encode(speech), codec.encoder.lookahead_frames
    assert same[..., : 30 - ahead].all()
    assert not same[..., 30 - ahead].all()


@pytest.mark.parametrize("frames", [0, 1, 2, 18, 20, 21, 40])
def test_a_stream_that_ends_anywhere_gives_every_frame_once(codec, speech, frames):
    samples = speech[0, 0, : frames * 320 + 5].numpy() if frames else np.zeros(0, np.float32)
    encoder = StreamingEncoder(codec)
    streamed = np.concatenate([encoder.push(samples[:333]), encoder.push(samples[333:]), encoder.finish()], axis=1)
    if not frames:
        assert streamed.shape == (4, 0)
    else:
        assert np.array_equal(streamed, codec.encode(torch.from_numpy(samples)[None, None])[0].numpy())


def test_a_stream_holds_back_no_more_than_the_lookahead(codec, speech):
    encoder, samples = StreamingEncoder(codec), speech[0, 0].numpy()
    assert encoder.push(samples[: 40 * 320]).shape[1] == 40 - codec.encoder.lookahead_frames


def test_learning_and_using_hear_the_same_frames(codec, speech):
    length = torch.tensor([16_000, 9_605])
    real = speech * (torch.arange(speech.shape[-1]) < length[:, None, None])
    _, latents = encode_windows(codec.encoder, codec.quantizer, real, window_frames=codec.window_frames)
    learner = copy.deepcopy(codec).train()
    padded = torch.where(torch.arange(speech.shape[-1]) < length[:, None, None], speech, 0.5)
    learnt = learner(padded, lengths=length).latents
    for row, frames in enumerate([50, 31]):
        torch.testing.assert_close(learnt[row, :, :frames], latents.vectors[row, :, :frames], atol=1e-4, rtol=1e-4)


def test_threads_do_not_change_codes(codec, speech):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = codec.encode(speech)
        torch.set_num_threads(2)
        two = codec.encode(speech)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_the_volume_does_not_change_the_first_code_and_reaches_the_others(codec, speech, gain):
    codes, louder = codec.encode(speech), codec.encode(speech * gain)
    assert (codes[:, 0] != louder[:, 0]).float().mean() < 0.01
    assert (codes[:, 1] != louder[:, 1]).float().mean() > 0.5
    levels = codec.encoder(speech * gain).level_offset - codec.encoder(speech).level_offset
    assert torch.allclose(levels, codec.encoder.level[:, None] * math.log10(gain), atol=1e-4)


def test_the_volume_changes_the_first_code_of_a_codec_that_keeps_the_level_in(speech, config):
    kept = build_codec(replace(config, encoder=replace(config.encoder, has_level_split=False))).train()
    kept(speech)
    kept.eval()
    assert (kept.encode(speech)[:, 0] != kept.encode(speech * 2)[:, 0]).float().mean() > 0.1


def test_without_quantizer_a_codec_gives_what_codebooks_that_hold_its_latents_would_give(codec, speech):
    """The first codebook gets the latents, one code a frame, and the others what comes late, or zero."""
    audio = speech[:1, :, : 12 * 320 + 7]
    _, latents = encode_windows(codec.encoder, codec.quantizer, audio, window_frames=codec.window_frames)
    offset = torch.zeros_like(latents.vectors) if latents.level_offset is None else latents.level_offset
    exact = copy.deepcopy(codec)
    num_frames = latents.vectors.shape[-1]
    for number, layer in enumerate(exact.quantizer.layers):
        vectors = (latents.vectors, offset)[number][0].T if number < 2 else torch.zeros(num_frames, offset.shape[1])
        layer.codebook.vectors[:num_frames] = vectors
    codes = torch.arange(num_frames).expand(1, codec.num_codebooks, -1)
    assert torch.equal(codec.bypass_quantizer(audio), exact.decode(codes, audio.shape[-1]))
    assert not torch.equal(codec.bypass_quantizer(audio), codec.decode(codec.encode(audio), audio.shape[-1]))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_codes_are_decoded_as_they_come_out_of_a_store_or_a_model(codec, speech, dtype):
    codes = codec.encode(speech[:1])
    wanted, rows = codec.decode(codes), codes[0].numpy().astype(dtype)
    for given in (rows, rows[None], torch.from_numpy(rows), torch.from_numpy(rows)[None]):
        assert torch.equal(codec.decode(given), wanted)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda codes: codes.float(), "integer codes of shape"),
        (lambda codes: codes[0, 0], "integer codes of shape"),
        (lambda codes: codes + codes.max() * 1_000 + 1_000, "codes from"),
        (lambda codes: codes - codes.max() - 1, "codes from -"),
    ],
)
def test_codes_that_no_codec_gives_are_refused_in_words(codec, speech, change, said):
    with pytest.raises(VqaudioError, match=said):
        codec.decode(change(codec.encode(speech)))


def test_audio_that_is_not_what_it_should_be_is_refused_in_words(codec, speech):
    for audio, said in (
        ((speech * 32_767).to(torch.int16), "audio / 32768"),
        (speech.index_fill(-1, torch.tensor([5]), math.nan), "NaN or infinity"),
        (speech[0], "batch, 1, samples"),
    ):
        with pytest.raises(VqaudioError, match=said):
            codec.encode(audio)
