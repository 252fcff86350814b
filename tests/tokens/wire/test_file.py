import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.wire.file import CodesFile, is_codes_file, read_codes, write_codes
from vqaudio.tokens.wire.writing import SUFFIX

STAMP = CodecStamp("small", "ab" * 32, 16_000, 320, 2, 1_000, "cd" * 32)


@pytest.mark.parametrize("num_frames", [0, 1, 200_000])
def test_codes_come_back_from_a_file_in_a_new_folder(tmp_path, num_frames):
    codes = np.random.default_rng(0).integers(0, 1_000, (2, num_frames)).astype(np.uint16)
    path, num_samples = tmp_path / "new" / f"a{SUFFIX}", max(0, num_frames * 320 - 319)
    write_codes(path, CodesFile(STAMP, codes, num_samples))
    content = read_codes(path)
    assert np.array_equal(content.codes, codes)
    assert (content.stamp, content.num_samples) == (STAMP, num_samples)
    assert is_codes_file(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.codes"]


def test_other_files_are_told_by_their_content(tmp_path):
    path = tmp_path / "a.codes"
    assert not is_codes_file(path)
    assert not is_codes_file(tmp_path)
    path.write_bytes(b"RIFF")
    assert not is_codes_file(path)
    with pytest.raises(VqaudioError, match=r"a.codes: these are no codes of vqaudio"):
        read_codes(path)
    with pytest.raises(VqaudioError, match=r"gone.codes cannot be read: No such file"):
        read_codes(tmp_path / "gone.codes")


def test_a_file_that_is_not_whole_is_an_error(tmp_path):
    path = tmp_path / "a.codes"
    write_codes(path, CodesFile(STAMP, np.zeros((2, 9), np.uint16), 2_880))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VqaudioError, match=r"a.codes: truncated after 9 frames"):
        read_codes(path)
