"""Devices by name."""

import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.devices import find_device


def test_a_device_that_is_there_is_found():
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "wrong"), [("banana", "no device 'banana'"), ("mps", "not on mps"), ("cuda:99", "GPUs")]
)
def test_a_device_that_is_not_there_is_one_sentence(name, wrong):
    with pytest.raises(VqaudioError, match=wrong):
        find_device(name)
