"""Converting with a tiny codec: who is found, what is said of those who are not, and that nothing is lost."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
from vqaudio.codec.model import Codec
from vqaudio.codec.speakers import KnownSpeakers
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.jobs.voice.conversion import convert, convert_file, converted_blocks, find_voice
from vqaudio.jobs.voice.speakers import hear_speakers
from vqaudio.quantizers.ema import EmaConfig


def codec_of(speaker_kind: str, num_speakers: int = 0) -> Codec:
    torch.manual_seed(0)
    config = CodecConfig(
        name="voiced",
        speaker_kind=speaker_kind,
        num_speakers=num_speakers,
        speaker_width=4,
        latent_width=8,
        window_frames=10,
        encoder=EncoderConfig(widths=(8, 16), dilations=((), (1,)), stem_bands=20, lookahead_frames=2),
        quantizer=EmaConfig(num_codebooks=1, codebook_size=16),
        decoder=DecoderConfig(width=16, hidden=16, lookahead_frames=2, phase_iterations=1),
    )
    codec = build_codec(config).train()
    codec(torch.randn(2, 1, 16_000), torch.tensor([0, 1]) if num_speakers else None)
    codec.eval().requires_grad_(False)
    if codec.decoder.conditioning is not None:
        torch.nn.init.normal_(codec.decoder.conditioning.project.weight, std=0.3)
    return codec


@pytest.fixture(scope="module")
def codec() -> Codec:
    """Hears voices, and knows two by name."""
    codec = codec_of("reference")
    codec.known_speakers = KnownSpeakers(("0031", "0044"), torch.randn(2, 4))
    return codec


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


def test_what_is_neither_is_answered_with_near_names_and_their_number(codec: Codec) -> None:
    with pytest.raises(
        VqaudioError, match=r"no recording has that path, and speaker '0045' is not one of the 2 .*0044"
    ):
        find_voice(codec, "0045")
    with pytest.raises(VqaudioError, match="knows no speaker by name"):
        find_voice(codec_of("reference"), "0045")


def test_a_codec_without_speakers_says_which_has_some() -> None:
    with pytest.raises(VqaudioError, match=r"trained without speakers.* such as --codec units-16k"):
        find_voice(codec_of("table"), "0044")


def test_a_table_takes_no_recording(spoken: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", spoken, 16_000)
    with pytest.raises(VqaudioError, match="by a table only"):
        find_voice(codec_of("table", 2), str(tmp_path / "a.wav"))


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
