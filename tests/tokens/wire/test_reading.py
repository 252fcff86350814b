import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.wire.reading import CodesReader
from vqaudio.tokens.wire.writing import MAX_BLOCK_FRAMES, CodesWriter

STAMP = CodecStamp("small", "ab" * 32, 16_000, 320, 3, 1_000, "cd" * 32)
NUM_SAMPLES = 11 * 320 - 7


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 1_000, (3, 11))


@pytest.fixture
def content(codes):
    """A stream of three blocks."""
    writer = CodesWriter(STAMP)
    parts = [writer.header(), writer.blocks(codes[:, :1]), writer.blocks(codes[:, :0]), writer.blocks(codes[:, 1:6])]
    return b"".join([*parts, writer.blocks(codes[:, 6:]), writer.end(NUM_SAMPLES)])


def read(content, sizes):
    """All that comes of a stream cut into pieces, and the error at which it ends, or None."""
    reader, parts, at = CodesReader("a.codes"), [np.zeros((3, 0), np.uint16)], 0
    try:
        while at < len(content):
            size = next(sizes)
            for part in reader.feed(content[at : at + size]):
                parts.append(part)
            at += size
        assert reader.finish() == NUM_SAMPLES
        assert reader.stamp == STAMP
    except VqaudioError as error:
        return parts, str(error)
    return parts, None


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_codes_come_back_however_the_bytes_are_cut(codes, content, size):
    parts, error = read(content, iter(lambda: size, None))
    assert error is None
    assert np.array_equal(np.concatenate(parts, axis=1), codes)
    assert [part.shape[1] for part in parts] == [0, 0, 1, 5, 5]


def test_a_stream_cut_anywhere_says_so_and_gives_its_whole_blocks(codes, content):
    ends = [content.index(b"\n") + 1]
    ends += [ends[0] + 8 + 6, ends[0] + 8 + 6 + 8 + 30, ends[0] + 8 + 6 + 2 * (8 + 30)]
    for length in range(len(content)):
        parts, error = read(content[:length], iter(lambda: 64, None))
        num_frames = [0, 1, 6, 11][max(0, sum(end <= length for end in ends) - 1)]
        assert np.array_equal(np.concatenate(parts, axis=1), codes[:, :num_frames])
        assert error is not None
        if length >= ends[0]:
            assert f"a.codes: truncated after {num_frames} frames ({num_frames / 50:.2f} s) without its end" in error
        else:
            assert "wanted what `vqaudio encode` or `vqaudio stream encode` writes" in error


def test_a_flipped_bit_is_an_error_and_never_another_code(codes, content):
    for place in range(len(content)):
        for bit in (0, 3, 7):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            parts, error = read(bytes(flipped), iter(lambda: 1_000, None))
            assert error is not None, (place, bit)
            given = np.concatenate([part for part in parts if part.size] or [codes[:, :0]], axis=1)
            assert np.array_equal(given, codes[: len(given), : given.shape[1]]), (place, bit)


def test_a_block_left_out_or_of_another_stream_is_an_error(codes, content):
    start = content.index(b"\n") + 1
    second = content[start + 14 : start + 14 + 38]
    assert "damaged after 1 frames" in (read(content.replace(second, b""), iter([10_000]))[1] or "")
    writer = CodesWriter(STAMP)
    writer.header()
    other = writer.blocks(codes[:, 1:6])
    assert "damaged after 1 frames" in (read(content.replace(second, other), iter([10_000]))[1] or "")
    assert "more bytes stand behind the end" in (read(content + b"\0", iter([10_000]))[1] or "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty; wanted what"),
        (b"RIFF....WAVE", "these are no codes of vqaudio"),
        (b'{"format": "vqaudio codes", ' + b" " * 70_000, "these are no codes of vqaudio"),
        (b'{"format": "vqaudio codes", "version": 9, "codec": {}}\n', "format 9, this vqaudio reads up to 1; upgrade"),
        (b'{"format": "vqaudio codes", "version": 1}\n', "its first line is damaged: 'codec'"),
        (
            b'{"format": "vqaudio codes", "version": 1, "codec": {"name": 1}}\n',
            "the codec stamp has no 'weights_sha256'",
        ),
        (b'{"format": "vqaudio codes", ]\n', "its first line is damaged"),
    ],
)
def test_what_is_no_stream_of_codes_is_answered_in_a_sentence(content, sentence):
    assert sentence in (read(content, iter(lambda: 1_000, None))[1] or "")


def test_many_frames_at_once_are_cut_into_blocks():
    codes = np.arange(2 * MAX_BLOCK_FRAMES + 1)[None] % 7
    writer = CodesWriter(CodecStamp("one", "ab", 16_000, 320, 1, 7))
    reader, parts = CodesReader("a"), []
    for content in (writer.header(), writer.blocks(codes), writer.end(codes.shape[1] * 320)):
        parts.extend(reader.feed(content))
    assert [part.shape[1] for part in parts] == [0, MAX_BLOCK_FRAMES, MAX_BLOCK_FRAMES, 1]
    assert np.array_equal(np.concatenate(parts, axis=1), codes)


def test_a_writer_writes_nothing_that_a_reader_would_refuse(codes):
    writer = CodesWriter(STAMP)
    for wrong in (codes[:2], np.full((3, 1), 1_000), np.full((3, 1), -1)):
        with pytest.raises(VqaudioError, match="wanted 3 codebooks of codes below 1000"):
            writer.blocks(wrong)
    writer.blocks(codes)
    with pytest.raises(VqaudioError, match="11 frames of codes do not belong to 3521 samples"):
        writer.end(3_521)
