"""A codec that hears whose voice it is: embeddings of recordings, known speakers by name, the default."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.codec.speakers import KnownSpeakers
from vqaudio.codec.streaming import StreamingDecoder
from vqaudio.core.errors import VqaudioError


@pytest.fixture(scope="module")
def config(config):
    return replace(config, name="voiced", speaker_kind="reference", speaker_width=6)


def let_voices_be_heard(codec):
    """The decoder starts with hardly any ear for the speaker."""
    torch.nn.init.normal_(codec.decoder.conditioning.project.weight, std=0.3)


@pytest.fixture(scope="module")
def voiced(config):
    """A codec with a reference encoder that has seen some noise, and knows two speakers."""
    torch.manual_seed(1)
    codec = build_codec(config).train()
    for _ in range(2):
        codec(torch.randn(4, 1, 16_000) * torch.rand(4, 1, 1))
    codec.eval().requires_grad_(False)
    let_voices_be_heard(codec)
    codec.known_speakers = KnownSpeakers(("ada", "ben"), torch.randn(2, 6))
    return codec


@pytest.fixture(scope="module")
def tabled(config):
    codec = build_codec(replace(config, speaker_kind="table", num_speakers=3)).train()
    codec(torch.randn(2, 1, 16_000), torch.tensor([0, 1]))
    return codec.eval().requires_grad_(False)


def test_forward_in_eval_mode_tells_the_decoder_the_voice_of_the_audio(voiced, speech):
    lengths = torch.tensor([9_605, speech.shape[-1]])
    output = voiced(speech, lengths=lengths)
    own = voiced.decode(output.codes, speech.shape[-1], embeddings=voiced.embed(speech, lengths))
    assert torch.equal(output.audio, own)
    assert not torch.equal(own, voiced.decode(output.codes, speech.shape[-1]))


def test_learning_and_using_hear_the_same_voice(voiced, speech):
    lengths = torch.tensor([9_605, speech.shape[-1]])
    torch.testing.assert_close(voiced.reference(speech, lengths), voiced.embed(speech, lengths), atol=1e-4, rtol=1e-4)


def test_training_moves_the_reference_encoder_and_needs_no_speakers(config, speech):
    codec = build_codec(config).train()
    let_voices_be_heard(codec)
    codec(speech).audio.square().mean().backward()
    assert codec.reference is not None
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in codec.reference.parameters())


def test_the_voice_of_a_row_does_not_depend_on_its_batch_or_padding(voiced, speech):
    lengths = torch.tensor([9_605, 40_000])
    rows = torch.nn.functional.pad(speech, (0, 40_000 - speech.shape[-1]), value=0.3)
    together = voiced.embed(rows, lengths)
    assert torch.equal(together[:1], voiced.embed(speech[:1, :, :9_605]))
    assert torch.equal(together[1:], voiced.embed(rows[1:]))
    assert torch.equal(voiced.embed(rows.flip(0), lengths.flip(0)), together.flip(0))


def test_a_known_speaker_is_found_by_name_and_by_place(voiced, speech):
    codes = voiced.encode(speech)
    by_place = voiced.decode(codes, speakers=torch.tensor([1, 0]))
    ada, ben = voiced.known_speakers.find("ada"), voiced.known_speakers.find("ben")
    assert torch.equal(by_place, voiced.decode(codes, embeddings=torch.cat([ben, ada])))
    assert not torch.equal(by_place, voiced.decode(codes, embeddings=ada))


def test_nobody_in_particular_is_what_was_typical_in_training(voiced, speech):
    codes = voiced.encode(speech)
    assert torch.equal(voiced.decode(codes), voiced.decode(codes, embeddings=voiced.reference.typical[None]))


def test_nobody_in_particular_is_the_mean_of_a_table(tabled, speech):
    codes = tabled.encode(speech)
    mean = tabled.decoder.conditioning.embedding.weight.mean(dim=0, keepdim=True)
    assert torch.equal(tabled.decode(codes), tabled.decode(codes, embeddings=mean))
    with pytest.raises(VqaudioError, match="takes a recording for a speaker"):
        tabled.embed(speech)


def test_a_table_must_be_told_who_speaks_in_training(tabled, speech):
    with pytest.raises(VqaudioError, match="takes a speaker embedding"):
        tabled.train()(speech)
    tabled.eval()


def test_streamed_sound_has_the_voice_that_was_asked_for(voiced, speech):
    codes, voice = voiced.encode(speech[:1]), voiced.embed(speech[1:])
    decoder = StreamingDecoder(voiced, embedding=voice)
    sound = np.concatenate([decoder.push(codes[0].numpy()), decoder.finish()])
    assert np.array_equal(sound, voiced.decode(codes, embeddings=voice)[0, 0].numpy())


def test_known_speakers_are_saved_with_the_codec(voiced, speech, tmp_path):
    save_codec(voiced, tmp_path)
    opened = open_codec(tmp_path)
    assert opened.known_speakers is not None
    assert opened.reference is not None
    assert opened.known_speakers.names == ("ada", "ben")
    assert torch.equal(opened.known_speakers.embeddings, voiced.known_speakers.embeddings)
    assert torch.equal(opened.reference.typical, voiced.reference.typical)
    assert torch.equal(opened.embed(speech), voiced.embed(speech))


def test_speakers_of_other_weights_and_damaged_ones_are_refused(voiced, tmp_path):
    save_codec(voiced, tmp_path)
    names = tmp_path / "speakers.json"
    whole = json.loads(names.read_text())
    names.write_text(json.dumps(whole | {"weights_sha256": "0" * 64}))
    with pytest.raises(VqaudioError, match="about other weights"):
        open_codec(tmp_path)
    names.write_text(json.dumps(whole | {"names": ["ada"]}))
    with pytest.raises(VqaudioError, match="about other weights"):
        open_codec(tmp_path)
    names.write_text(json.dumps(whole))
    (tmp_path / "speakers.safetensors").write_bytes(b"no table")
    with pytest.raises(VqaudioError, match="cannot be read"):
        open_codec(tmp_path)


def test_speakers_of_an_earlier_codec_do_not_stay_beside_a_new_one(voiced, codec, tmp_path):
    save_codec(voiced, tmp_path)
    save_codec(codec, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert open_codec(tmp_path).known_speakers is None


def test_an_unknown_speaker_is_answered_with_the_nearest_and_the_number_of_known_ones(voiced):
    with pytest.raises(VqaudioError, match=r"'bem' is not one of the 2 .* near: ben"):
        voiced.known_speakers.find("bem")
    with pytest.raises(VqaudioError, match=r"not one of the 2 .*'ada' for one"):
        voiced.known_speakers.find("4077")


@pytest.mark.parametrize("speakers", [[0, 2], [-1, 0]])
def test_a_place_outside_the_known_ones_is_refused(voiced, speech, speakers):
    with pytest.raises(VqaudioError, match="knows 2 speakers"):
        voiced.decode(voiced.encode(speech), speakers=torch.tensor(speakers))


def test_embeddings_that_do_not_fit_are_refused(voiced, codec, speech):
    with pytest.raises(VqaudioError, match=r"shape \(3, 6\) do not fit 2 rows"):
        voiced.decode(voiced.encode(speech), embeddings=torch.zeros(3, 6))
    with pytest.raises(VqaudioError, match=r"shape \(1, 5\) do not fit"):
        voiced.decode(voiced.encode(speech), embeddings=torch.zeros(1, 5))
    with pytest.raises(VqaudioError, match="trained without speakers"):
        codec.decode(codec.encode(speech), embeddings=torch.zeros(1, 6))


def test_a_reference_and_a_table_exclude_one_another(config):
    with pytest.raises(VqaudioError, match="needs num_speakers 0"):
        build_codec(replace(config, num_speakers=4))
    with pytest.raises(VqaudioError, match="unknown speaker kind 'nearest'; valid are reference, table"):
        build_codec(replace(config, speaker_kind="nearest"))
