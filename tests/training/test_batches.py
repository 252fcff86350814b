"""What happens to a batch between corpus and codec."""

import numpy as np
import pytest
import torch
from torch import nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.ema_codebook import EmaCodebook
from vqaudio.training.batches import batch_parts, on_device, set_accumulation, speaker_numbers


def test_a_speaker_keeps_the_number_of_training_in_every_split():
    known = ("ada", "clara", "emil")
    numbers = speaker_numbers(3, known, ("bruno", "emil"))
    assert numbers is not None
    assert numbers[[0, 1, -1]].tolist() == [0, 2, 0]  # one who was not trained on, one who was, one unknown
    assert speaker_numbers(0, known, known) is None


def test_more_speakers_than_the_codec_knows_are_refused():
    with pytest.raises(VqaudioError, match=r"codec\.num_speakers=3"):
        speaker_numbers(2, ("ada", "clara", "emil"), ())
    assert speaker_numbers(3, ("ada", "clara", "emil"), ()) is not None


def test_lengths_are_told_only_where_something_is_padding():
    arrays = {"audio": np.zeros((2, 1, 50), np.float32), "speaker": np.array([1, -1])}
    whole = on_device({**arrays, "lengths": np.array([50, 50])}, torch.device("cpu"), None)
    padded = on_device({**arrays, "lengths": np.array([50, 20])}, torch.device("cpu"), np.array([4, 7, 0]))
    assert whole[1:] == (None, None)
    assert padded[1] is not None
    assert padded[1].tolist() == [7, 0]
    assert padded[2] is not None
    assert padded[2].tolist() == [50, 20]


def test_the_parts_of_a_batch_are_the_batch_in_order():
    audio, lengths = torch.randn(6, 1, 4), torch.arange(6)
    parts = batch_parts(3, audio, None, lengths)
    assert torch.equal(torch.cat([part[0] for part in parts]), audio)
    assert torch.equal(torch.cat([part[2] for part in parts if part[2] is not None]), lengths)
    assert [part[0].shape[0] for part in parts] == [2, 2, 2]
    for wrong in (4, 0, -1):
        with pytest.raises(VqaudioError, match=f"accumulation={wrong}"):
            batch_parts(wrong, audio, None, lengths)
    speakers = torch.arange(6) + 10
    assert [part[1].tolist() for part in batch_parts(2, audio, speakers, None) if part[1] is not None] == [
        [10, 11, 12],
        [13, 14, 15],
    ]
    assert all(part[2] is None for part in batch_parts(2, audio, speakers, None))


def test_every_codebook_waits_for_all_parts_of_a_batch():
    codec = nn.Sequential(EmaQuantizer(2, 16), EmaQuantizer(2, 16))
    set_accumulation(codec, 3)
    books = [layer.num_parts for layer in codec.modules() if isinstance(layer, EmaCodebook)]
    assert books == [3, 3]
