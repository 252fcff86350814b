import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.conv import CausalConv1d, CausalConvTranspose1d, Chain, Pointwise

LAYERS = {
    "plain": lambda: CausalConv1d(3, 5, kernel=7),
    "dilated": lambda: CausalConv1d(3, 5, kernel=3, dilation=9),
    "strided": lambda: CausalConv1d(3, 5, kernel=8, stride=4),
    "grouped": lambda: CausalConv1d(4, 4, kernel=7, dilation=3, groups=4),
    "transposed": lambda: CausalConvTranspose1d(3, 5, kernel=8, stride=4),
    "transposed without overlap": lambda: CausalConvTranspose1d(3, 5, kernel=4, stride=4),
    "chain": lambda: Chain(
        CausalConv1d(3, 6, kernel=4, stride=2),
        Pointwise(nn.ELU()),
        CausalConv1d(6, 6, kernel=3, dilation=3),
        CausalConv1d(6, 2, kernel=4, stride=2),
    ),
}


@pytest.fixture(params=LAYERS)
def layer(request):
    return LAYERS[request.param]()


def width(layer):
    first = layer.layers[0] if isinstance(layer, Chain) else layer
    return 4 if getattr(first, "groups", 1) == 4 else 3


@pytest.mark.parametrize("block", [4, 8, 12, 60])
def test_streaming_equals_offline(layer, cut, block):
    x = torch.randn(2, width(layer), 60)
    assert_close(cut(layer, x, block), layer(x))


def test_the_past_does_not_hear_the_future(layer):
    x = torch.randn(1, width(layer), 60)
    changed = x.clone()
    changed[..., 40:] += 1
    whole, other = layer(x), layer(changed)
    seen = 40 * whole.shape[-1] // 60
    assert torch.equal(whole[..., :seen], other[..., :seen])
    assert not torch.equal(whole, other)


def test_context_is_exactly_what_an_output_depends_on():
    chain = LAYERS["chain"]().double()
    x = torch.randn(1, 3, 80, dtype=torch.float64, requires_grad=True)
    at = 12
    chain(x)[0, :, at].sum().backward()
    assert x.grad is not None
    heard = x.grad[0].abs().sum(dim=0).nonzero().flatten()
    assert heard.max() == (at + 1) * chain.stride - 1
    assert heard.min() == at * chain.stride - chain.context


def test_a_transposed_layer_is_the_gradient_of_its_convolution():
    up = CausalConvTranspose1d(3, 5, kernel=8, stride=4)
    down = CausalConv1d(5, 3, kernel=8, stride=4)
    down.weight.data = up.weight.data
    x, y = torch.randn(1, 3, 10), torch.randn(1, 5, 40)
    shifted = torch.nn.functional.pad(y, (0, 4))  # the transposed layer spreads forward, the convolution looks back
    assert_close((up(x) * y).sum(), (x * (down(shifted) - down.bias[:, None])[..., 1:]).sum(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CausalConv1d(64, 128, kernel=7),
        lambda: CausalConv1d(64, 128, kernel=8, stride=4),
        lambda: CausalConv1d(128, 128, kernel=7, groups=128),
        lambda: CausalConvTranspose1d(64, 128, kernel=8, stride=4),
        lambda: CausalConvTranspose1d(64, 128, kernel=5, stride=5),
    ],
)
def test_a_fresh_layer_keeps_the_power_of_noise(make):
    layer, x = make(), torch.randn(2, 128, 400)
    out = layer(x[:, : layer.zero_state(1).shape[1]] if isinstance(layer, CausalConv1d) else x[:, :64])
    assert 0.8 < out[..., 20:].var() < 1.25


def test_gaps_between_kernels_are_refused():
    with pytest.raises(VqaudioError, match="leaves gaps at stride 4"):
        CausalConv1d(1, 1, kernel=3, stride=4)
    with pytest.raises(VqaudioError, match="leaves gaps at stride 4"):
        CausalConvTranspose1d(1, 1, kernel=3, stride=4)


def test_a_block_that_does_not_divide_is_refused():
    with pytest.raises(VqaudioError, match="does not divide by the stride 4"):
        CausalConv1d(1, 1, kernel=8, stride=4)(torch.zeros(1, 1, 10))
