from dataclasses import replace

import numpy as np
import pytest
import torch

import vqaudio
from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import from_int16, to_int16
from vqaudio.codec.build import build_codec
from vqaudio.codec.foreign import ForeignCodec
from vqaudio.codec.live import LiveDecoder, LiveEncoder, open_stream
from vqaudio.codec.saving import open_codec
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder
from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting

HOP, WINDOW = 320, 20


@pytest.fixture(params=[0, 2], ids=["no lookahead", "lookahead"])
def codec(request, codec, codec_ahead):
    return codec_ahead if request.param else codec


@pytest.fixture
def samples(speech):
    return speech[0, 0].numpy()


def pushed(end, values, sizes):
    """What an end gives for values `... n`, pushed in blocks of the sizes, and how much was in and out after each."""
    parts, counts, at = [], [], 0
    while at < values.shape[-1]:
        size = next(sizes)
        parts.append(end.push(values[..., at : at + size]))
        at = min(at + size, values.shape[-1])
        counts.append((at, sum(part.shape[-1] for part in parts)))
    return parts, counts


def random_sizes(most):
    generator = np.random.default_rng(1)
    return iter(lambda: int(generator.integers(0, most)), None)


@pytest.mark.parametrize("block_frames", [1, 3, WINDOW - 1, WINDOW, 50])
@pytest.mark.parametrize("size", [1_500, HOP, WINDOW * HOP + 7])
def test_codes_in_blocks_are_those_of_the_whole_recording_bit_for_bit(codec, samples, block_frames, size):
    encoder = LiveEncoder(codec, block_frames=block_frames)
    parts, _ = pushed(encoder, samples, random_sizes(size))
    codes = np.concatenate([*parts, encoder.finish()], axis=1)
    assert np.array_equal(codes, codec.encode(torch.from_numpy(samples)[None, None])[0].numpy())
    assert encoder.num_samples == len(samples)


@pytest.mark.parametrize("name", ["speech-16k", "units-16k"])
def test_speech_has_the_same_codes_with_what_comes_and_with_silence_in_its_place(name, samples_dir):
    """Convolutions, Fourier transforms and products of one shape give a frame the same last bits."""
    codec, samples = open_codec(name), read_audio(sorted(samples_dir.rglob("*.flac"))[4])[:50_000]
    encoder = StreamingEncoder(codec, block_frames=3)
    parts, _ = pushed(encoder, samples, iter(lambda: 960, None))
    codes = np.concatenate([*parts, encoder.finish()], axis=1)
    assert np.array_equal(codes, codec.encode(torch.from_numpy(samples)[None, None])[0].numpy())


@pytest.mark.parametrize("block_frames", [1, 3])
def test_codes_are_out_as_soon_as_block_and_lookahead_allow(codec, samples, block_frames):
    encoder, ahead = LiveEncoder(codec, block_frames=block_frames), codec.encoder.lookahead_frames
    assert encoder.delay_samples == (block_frames + ahead) * HOP
    for num_in, num_frames in pushed(encoder, samples, iter(lambda: 100, None))[1]:
        window, rest = divmod(num_in // HOP, WINDOW)
        assert num_frames == max(0, window * WINDOW + rest // block_frames * block_frames - ahead)
        assert num_frames * HOP > num_in - encoder.delay_samples - 1


@pytest.mark.parametrize("num_samples", [0, 1, HOP, HOP + 1, 2 * HOP, WINDOW * HOP, WINDOW * HOP + 1])
def test_a_short_stream_gives_every_frame_once(codec, samples, num_samples):
    encoder = LiveEncoder(codec, num_codebooks=2)
    codes = np.concatenate([encoder.push(samples[:num_samples]), encoder.push([]), encoder.finish()], axis=1)
    if not num_samples:
        assert codes.shape == (2, 0)
    else:
        audio = torch.from_numpy(samples[:num_samples])[None, None]
        assert np.array_equal(codes, codec.encode(audio)[0, :2].numpy())


@pytest.mark.parametrize("block_frames", [1, 3])
def test_sound_does_not_depend_on_how_the_codes_are_cut_and_has_its_exact_length(codec, samples, block_frames):
    codes = codec.encode(torch.from_numpy(samples)[None, None])[0].numpy()
    sounds = []
    for sizes in (iter([codes.shape[1]]), iter(lambda: 1, None), random_sizes(9)):
        decoder = LiveDecoder(codec, block_frames)
        parts, _ = pushed(decoder, codes, sizes)
        sounds.append(np.concatenate([*parts, decoder.finish(len(samples))]))
        assert decoder.num_frames == codes.shape[1]
    assert [len(sound) for sound in sounds] == [len(samples)] * 3
    assert np.array_equal(sounds[0], sounds[1])
    assert np.array_equal(sounds[0], sounds[2])


@pytest.mark.parametrize("block_frames", [1, 4])
def test_sound_is_out_as_soon_as_block_and_lookahead_allow(codec, block_frames):
    decoder, ahead = LiveDecoder(codec, block_frames), codec.decoder.lookahead_frames
    assert decoder.delay_samples == (block_frames - 1 + ahead) * HOP
    for num_in, num_out in pushed(decoder, np.zeros((4, 30), np.uint16), iter(lambda: 1, None))[1]:
        assert num_out == max(0, num_in // block_frames * block_frames - ahead) * HOP
        assert num_out >= num_in * HOP - decoder.delay_samples


def test_without_griffin_lim_sound_in_blocks_is_that_of_whole_windows(codec):
    config = replace(codec.config, decoder=replace(codec.config.decoder, phase_iterations=0))
    codec = build_codec(config).eval().requires_grad_(False)
    codes = np.random.default_rng(0).integers(0, 64, (4, 47))
    sounds = []
    for block_frames in (None, 1, 7):
        decoder = StreamingDecoder(codec, block_frames=block_frames)
        sounds.append(np.concatenate([decoder.push(codes), decoder.finish()]))
    np.testing.assert_allclose(sounds[1], sounds[0], atol=1e-5)
    np.testing.assert_allclose(sounds[2], sounds[0], atol=1e-5)
    assert np.abs(sounds[0]).max() > 1e-3


def test_a_stream_is_opened_by_name_and_goes_from_samples_to_samples(samples):
    stream = vqaudio.open_stream("units-16k", block_frames=10)
    assert stream.sample_rate_hz == 16_000
    codes = [stream.encoder.push(block) for block in np.array_split(samples, 7)] + [stream.encoder.finish()]
    sound = [stream.decoder.push(part) for part in codes]
    sound.append(stream.decoder.finish(stream.encoder.num_samples))
    assert len(np.concatenate(sound)) == len(samples)


def test_the_16_bit_samples_of_a_microphone_are_those_of_a_file(codec, samples):
    integers = to_int16(samples)
    given = []
    for block in (from_int16(integers), integers, integers[:, None], integers[None], torch.from_numpy(integers)):
        encoder = open_stream(codec, num_codebooks=3).encoder
        given.append(np.concatenate([encoder.push(block), encoder.finish()], axis=1))
    assert given[0].shape == (3, 51)
    assert all(np.array_equal(codes, given[0]) for codes in given)


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (np.zeros((9, 2)), r"shape \(9, 2\) and type float64, wanted one channel"),
        (np.zeros(9, np.int32), "type int32, wanted one channel"),
        (np.array([0.1, np.nan]), "finite samples"),
    ],
)
def test_samples_of_another_kind_are_refused_and_cost_the_stream_nothing(codec, samples, block, sentence):
    encoder = open_stream(codec).encoder
    parts = [encoder.push(samples[:999])]
    with pytest.raises(VqaudioError, match=sentence):
        encoder.push(block)
    parts += [encoder.push(samples[999:]), encoder.finish()]
    assert np.array_equal(np.concatenate(parts, axis=1), codec.encode(torch.from_numpy(samples)[None, None])[0].numpy())


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (np.zeros(4, int), r"shape \(4,\) and type int64, wanted integers \(codebooks, frames\) with 1 to 4"),
        (np.zeros((5, 1), int), r"shape \(5, 1\)"),
        (np.zeros((2, 3)), "type float64"),
        (np.zeros((3, 1), int), "got 3 codebooks after 2"),
        (np.full((2, 1), 64), "codes from 64 to 64; small has 0 to 63"),
        (np.full((2, 1), -1), "codes from -1 to -1"),
    ],
)
def test_codes_of_another_kind_are_refused_and_cost_the_stream_nothing(codec, block, sentence):
    decoder = open_stream(codec).decoder
    decoder.push(np.zeros((2, 3), np.uint16))
    with pytest.raises(VqaudioError, match=sentence):
        decoder.push(block)
    assert len(decoder.finish(3 * HOP - 5)) == 3 * HOP - 5


def test_an_end_that_was_finished_takes_nothing_more(codec):
    stream = open_stream(codec)
    with pytest.raises(VqaudioError, match="0 frames came, which cannot give 5 samples"):
        stream.decoder.finish(5)
    for end, value in ((stream.encoder, np.zeros(9)), (stream.decoder, np.zeros((1, 1), int))):
        assert end.finish().shape[-1] == 0
        for call in (lambda end=end, value=value: end.push(value), end.finish):
            with pytest.raises(VqaudioError, match="was finished; open another one"):
                call()


def test_a_stream_that_cannot_be_is_refused_in_a_sentence(codec):
    with pytest.raises(VqaudioError, match="hf:some/where is a model of transformers, which encodes whole recordings"):
        open_stream("hf:some/where")
    with pytest.raises(VqaudioError, match="units:some/where,layer=6 is a model of transformers"):
        open_stream("units:some/where,layer=6")
    foreign = ForeignCodec.__new__(ForeignCodec)
    foreign.name = "hf:mimi"
    with pytest.raises(VqaudioError, match="hf:mimi is a model of transformers"):
        open_stream(foreign)
    with pytest.raises(VqaudioError, match="block_frames must be 1 or more, got 0"):
        open_stream(codec, block_frames=0)
    with pytest.raises(VqaudioError, match="num_codebooks is 5"):
        open_stream(codec, num_codebooks=5)


def test_a_voice_is_heard_on_the_line(make_voiced_codec):
    codec = make_voiced_codec(known=("a", "b"))
    codes, sounds = np.random.default_rng(0).integers(0, 16, (1, 30)), []
    for speaker in (None, 0, 1):
        decoder = open_stream(codec, speaker=speaker).decoder
        sounds.append(np.concatenate([decoder.push(codes), decoder.finish()]))
    decoder = open_stream(codec, embedding=codec.known_speakers.find("b")).decoder
    assert np.array_equal(np.concatenate([decoder.push(codes), decoder.finish()]), sounds[2])
    assert not np.allclose(sounds[0], sounds[1])
    assert not np.allclose(sounds[1], sounds[2])


def test_the_codes_of_segments_keep_the_delay_that_the_stream_tells(codec, samples):
    stream = open_stream(codec, 1, 2, segments=SegmentSetting(0.5, max_delay_frames=9))
    parts, counts = pushed(stream.encoder, samples, random_sizes(2_000))
    assert all((pushed_samples - stream.encoder.delay_samples) // HOP <= num_out for pushed_samples, num_out in counts)
    codes = np.concatenate([*parts, stream.encoder.finish()], axis=1)
    whole = open_stream(codec, 1, 50, segments=SegmentSetting(0.5, max_delay_frames=9)).encoder
    assert codes.tolist() == np.concatenate([whole.push(samples), whole.finish()], axis=1).tolist()
    assert codes.shape == (1, -(-len(samples) // HOP))


@pytest.mark.parametrize(
    ("num_codebooks", "setting", "told"),
    [(None, SegmentSetting(), "--codebooks 1"), (1, SegmentSetting(max_delay_frames=None), "have no stream")],
)
def test_segments_that_have_no_stream_are_refused(codec, num_codebooks, setting, told):
    with pytest.raises(VqaudioError, match=told):
        open_stream(codec, num_codebooks, segments=setting)
