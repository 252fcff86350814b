"""bfloat16 and compiled networks: the same codec, under the same names, with float32 codebooks."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig, DecoderConfig, EncoderConfig
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaConfig
from vqaudio.training.codec_step import CodecLosses, LossWeights
from vqaudio.training.compiling import compile_networks
from vqaudio.training.launch import Launch

FOURIER = DecoderConfig(width=16, hidden=24, slow_dilations=(1,), fast_dilations=(1,), phase_iterations=0)
MIRROR = DecoderConfig(kind="mirror", widths=(8, 8), strides=(16, 20), dilations=(1,))


def make_codec(decoder=FOURIER):
    torch.manual_seed(0)
    config = CodecConfig(
        latent_width=8,
        window_frames=10,
        encoder=EncoderConfig(widths=(16, 24), dilations=((), (1,)), stem_bands=20),
        quantizer=EmaConfig(num_codebooks=2, codebook_size=16, quantizer_dropout=0.0),
        decoder=decoder,
    )
    return build_codec(config).train()


@pytest.fixture
def audio():
    return torch.randn(4, 1, 6_400, generator=torch.Generator().manual_seed(1)) * 0.1


def test_in_bfloat16_networks_round_and_codebooks_and_spectra_do_not(audio):
    codec, launch = make_codec(), Launch(torch.device("cpu"))
    losses = CodecLosses(LossWeights(spectrum=1.0, reencoding=1.0, mel=0.0, waveform=0.0), 16_000)
    with launch.autocast("bfloat16"):
        output = codec(audio)
        comparison = losses.compare(codec, output, audio)["spectrum"]
        seen = losses.of_latents(codec, output) | comparison.losses
        exact = losses.spectrum(comparison.given, comparison.wanted)
    assert output.latents.dtype == torch.bfloat16
    assert {output.vectors.dtype, output.audio.dtype, output.commitment.dtype} == {torch.float32}
    assert {value.dtype for value, _ in seen.values()} == {torch.float32}
    assert all(tensor.dtype != torch.bfloat16 for tensor in codec.state_dict().values())
    with torch.autocast("cpu", enabled=False):
        alone = losses.spectrum(comparison.given, comparison.wanted)
    assert torch.equal(seen["spectrum"][0], alone)
    assert not torch.equal(exact, alone)  # what rounding inside the loss would have given


def test_an_unknown_precision_is_refused():
    with pytest.raises(VqaudioError, match="bfloat16"):
        Launch(torch.device("cpu")).autocast("half")


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's tracer looks at it
@pytest.mark.parametrize("decoder", [FOURIER, MIRROR], ids=["fourier", "mirror"])
def test_compiled_networks_compute_the_same_under_the_same_names(audio, decoder):
    plain, compiled = make_codec(decoder), make_codec(decoder)
    graphs = []

    def count(graph, inputs):  # the compiler's part is torch's; that our networks go through it is ours
        graphs.append(graph)
        return graph

    compile_networks(compiled, backend=count)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    for codec in (plain, compiled):
        torch.manual_seed(1)
        codec(audio).audio.square().sum().backward()
    assert len(graphs) >= 2
    for (name, one), other in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        assert_close(one.grad, other.grad, msg=name)
