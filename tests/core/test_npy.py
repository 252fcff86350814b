"""Files of arrays that are damaged, huge by their headers, or something else: a ValueError each, and no other error."""

import io
import struct
import zipfile

import numpy as np
import pytest

from vqaudio.core.npy import read_npy


def with_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.npy", b"")
    return content.getvalue()


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3)])
def test_an_array_comes_back(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape, np.float32))
    assert np.array_equal(read_npy(tmp_path / "a.npy"), np.ones(shape, np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no archive",
        archive(),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 4), }\n"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, \n"),
        with_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"),
        with_header("{'descr': [()], 'fortran_order': False, 'shape': (1,), }\n"),
    ],
)
def test_anything_else_is_a_value_error(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_npy(tmp_path / "a.npy")
