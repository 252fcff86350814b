"""Converting with a tiny codec: who is found, what is said of those who are not, and that nothing is lost."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.codec.model import Codec
from vqaudio.codec.pitch.coder import Pitch
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.jobs.voice.conversion import Height, convert, convert_file, converted_blocks, find_pitch, find_voice
from vqaudio.jobs.voice.speakers import hear_speakers


@pytest.fixture(scope="module")
def codec(make_voiced_codec) -> Codec:
    """It has a reference encoder, and knows two speakers by name."""
    return make_voiced_codec(known=("0031", "0044"))


@pytest.fixture
def spoken() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 9_999).astype(np.float32)


def test_a_known_speaker_is_found_by_id(codec: Codec) -> None:
    voice = find_voice(codec, "0044")
    assert codec.known_speakers is not None
    assert voice.name == "speaker 0044, known to voiced"
    assert torch.equal(voice.embedding[0], codec.known_speakers.embeddings[1])


def test_a_recording_is_heard(codec: Codec, spoken: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "somebody.wav"
    soundfile.write(path, spoken, 16_000, subtype="FLOAT")
    voice = find_voice(codec, str(path))
    assert voice.name == f"the voice heard in {path}"
    assert torch.equal(voice.embedding, codec.embed(torch.from_numpy(spoken)[None, None]))


def test_what_is_neither_is_answered_with_near_names_and_their_number(make_voiced_codec, codec: Codec) -> None:
    with pytest.raises(
        VqaudioError, match=r"no recording has that path, and speaker '0045' is not one of the 2 .*0044"
    ):
        find_voice(codec, "0045")
    with pytest.raises(VqaudioError, match="knows no speaker by name"):
        find_voice(make_voiced_codec("reference"), "0045")


def test_a_codec_without_speakers_says_which_has_some(make_voiced_codec) -> None:
    with pytest.raises(VqaudioError, match=r"trained without speakers.* such as --codec units-16k"):
        find_voice(make_voiced_codec("table"), "0044")


def test_a_table_takes_no_recording(make_voiced_codec, spoken: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", spoken, 16_000)
    with pytest.raises(VqaudioError, match="by a table only"):
        find_voice(make_voiced_codec("table", 2), str(tmp_path / "a.wav"))


def test_silence_has_no_voice(codec: Codec, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4_000), 16_000)
    with pytest.raises(VqaudioError, match="is silent"):
        find_voice(codec, str(tmp_path / "a.wav"))


def test_a_conversion_is_the_same_codes_with_another_embedding(codec: Codec, spoken: np.ndarray) -> None:
    audio, voice = torch.from_numpy(spoken)[None, None], find_voice(codec, "0031")
    wanted = codec.decode(codec.encode(audio), len(spoken), embeddings=voice.embedding)
    assert np.array_equal(convert(codec, spoken, voice), wanted[0, 0].numpy())
    assert not np.array_equal(convert(codec, spoken, find_voice(codec, "0044")), wanted[0, 0].numpy())


@pytest.mark.parametrize("size", [1, 320, 4_096])
def test_blocks_of_any_size_convert_alike(codec: Codec, spoken: np.ndarray, size: int) -> None:
    voice, short = find_voice(codec, "0031"), spoken[: 1_000 if size == 1 else None]
    blocks = [short[at : at + size] for at in range(0, len(short), size)]
    assert np.array_equal(np.concatenate(list(converted_blocks(codec, blocks, voice))), convert(codec, short, voice))


def test_a_file_keeps_its_length(codec: Codec, spoken: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", spoken, 16_000)
    convert_file(codec, tmp_path / "in.wav", find_voice(codec, "0031"), tmp_path / "made" / "out.wav")
    assert soundfile.info(tmp_path / "made" / "out.wav").frames == len(spoken)


def test_a_speaker_of_a_corpus_is_the_mean_of_what_is_heard(codec: Codec, tmp_path: Path) -> None:
    generator, utterances, heard = np.random.default_rng(1), [], {}
    for number, speaker in enumerate(["b", "a", "b", "b", None, "c"]):
        samples = generator.normal(0, 0.1 + 0.02 * number, 6_400).astype(np.float32) * (speaker != "c")
        soundfile.write(tmp_path / f"{number}.wav", samples, 16_000, subtype="FLOAT")
        utterances.append(Utterance(str(number), tmp_path / f"{number}.wav", speaker=speaker))
        heard[number] = codec.embed(torch.from_numpy(samples)[None, None])[0]
    known = hear_speakers(codec, utterances, num_each=2)
    assert known.names == ("a", "b")
    assert torch.allclose(known.embeddings, torch.stack([heard[1], (heard[0] + heard[2]) / 2]))
    with pytest.raises(VqaudioError, match="none of 1 utterances"):
        hear_speakers(codec, utterances[4:5])


def test_a_speaker_of_a_stretch_of_a_file_is_heard_there_and_nowhere_else(codec: Codec, tmp_path: Path) -> None:
    """As in a dialogue with time marks."""
    samples = np.random.default_rng(2).normal(0, np.repeat([0.02, 0.2], 6_400)).astype(np.float32)
    soundfile.write(tmp_path / "both.wav", samples, 16_000, subtype="FLOAT")
    marks = {"a": (None, 0.4), "b": (0.4, None)}
    spoken = [Utterance(name, tmp_path / "both.wav", *ends, speaker=name) for name, ends in marks.items()]
    heard = [codec.embed(torch.from_numpy(half)[None, None])[0] for half in np.split(samples, 2)]
    known = hear_speakers(codec, spoken)
    assert known.names == ("a", "b")
    assert torch.allclose(known.embeddings, torch.stack(heard))
    assert not torch.allclose(heard[0], heard[1])


@pytest.fixture(scope="module")
def pitched(make_voiced_codec) -> Codec:
    """It takes pitch beside its codes, and knows a speaker by name."""
    return make_voiced_codec(known=("0031",), pitch_steps=16)


@pytest.fixture
def sung(voice) -> np.ndarray:
    return voice(120 * 2 ** (0.3 * np.sin(np.arange(20_001) / 3_000))).astype(np.float32)


def test_a_melody_is_moved_to_the_median_of_the_voice_or_left_as_high_as_it_was(
    pitched: Codec, sung: np.ndarray, voice, tmp_path: Path
) -> None:
    path = tmp_path / "higher.wav"
    soundfile.write(path, voice(np.full(16_000, 230.0)), 16_000, subtype="FLOAT")
    target, audio = find_voice(pitched, str(path)), torch.from_numpy(sung)[None, None]
    assert target.median_hz == pytest.approx(230, rel=0.01)
    codes, pitch = pitched.encode(audio), pitched.encode_pitch(audio)
    heights: list[tuple[Height, Pitch]] = [("target", pitch.around(target.median_hz)), ("source", pitch)]
    sound = np.zeros(0)
    for height, wanted in heights:
        sound = pitched.decode(codes, len(sung), embeddings=target.embedding, pitch=wanted)[0, 0].numpy()
        np.testing.assert_allclose(convert(pitched, sung, target, height), sound, atol=1e-5)
    soundfile.write(tmp_path / "sung.wav", sung, 16_000, subtype="FLOAT")
    convert_file(pitched, tmp_path / "sung.wav", target, tmp_path / "out.wav", "source")
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav")[0], sound, atol=1e-4)


def test_the_median_of_a_voice_that_was_not_heard_is_predicted(pitched: Codec, sung: np.ndarray) -> None:
    known = find_voice(pitched, "0031")
    assert known.median_hz == 0
    pitch = find_pitch(pitched, lambda: [sung], known, "target")
    assert pitch is not None
    assert float(pitch.median_hz) == pytest.approx(150, rel=0.1)  # what a predictor that has learned nothing says
    assert len(convert(pitched, sung, known)) == len(sung)


def test_a_codec_without_pitch_has_none_to_keep(codec: Codec, spoken: np.ndarray) -> None:
    voice = find_voice(codec, "0044")
    assert find_pitch(codec, lambda: [spoken], voice, "target") is None
    with pytest.raises(VqaudioError, match="none to keep"):
        convert(codec, spoken, voice, "source")
