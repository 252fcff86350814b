"""What all quantizers have in common."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.finite_scalar import FiniteScalarQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.kernels import step as compiled_step
from vqaudio.quantizers.residual import ResidualQuantizer

WIDTH = 6


def residual_ema(**options):
    return ResidualQuantizer([EmaQuantizer(WIDTH, 32, kmeans_iterations=2) for _ in range(3)], **options)


MAKERS = {
    "ema": lambda: EmaQuantizer(WIDTH, 32, kmeans_iterations=2),
    "ema normalised": lambda: EmaQuantizer(WIDTH, 32, l2_normalized=True, kmeans_iterations=2),
    "ema projected": lambda: EmaQuantizer(WIDTH, 32, projection_width=3, l2_normalized=True, kmeans_iterations=2),
    "ema rotating": lambda: EmaQuantizer(WIDTH, 32, rotation_trick=True, kmeans_iterations=2),
    "gradient": lambda: GradientQuantizer(WIDTH, 32),
    "residual ema": residual_ema,
    "residual rotating": lambda: residual_ema(rotation_trick=True),
    "residual projected": lambda: ResidualQuantizer(
        [EmaQuantizer(WIDTH, 32, projection_width=3, kmeans_iterations=2) for _ in range(2)], dropout=0.5
    ),
    "residual gradient": lambda: ResidualQuantizer([GradientQuantizer(WIDTH, 32) for _ in range(2)]),
    "finite scalar": lambda: FiniteScalarQuantizer(WIDTH, [3, 4, 2, 2, 3, 2]),
    "finite scalar projected": lambda: FiniteScalarQuantizer(WIDTH, [8, 5, 5]),
}


@pytest.fixture(autouse=True, params=["torch", "compiled"])
def _loops(request, monkeypatch):
    """Training steps on a CPU have two ways to go; what holds, holds for both."""
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", 0 if request.param == "compiled" else 2**60)


@pytest.fixture(params=list(MAKERS))
def quantizer(request):
    """Every quantizer, after three steps of training."""
    made = MAKERS[request.param]().train()
    for _ in range(3):
        made(torch.randn(4, 50, WIDTH))
    return made


def state(quantizer):
    """All tensors of a quantizer, its window of statistics among them."""
    return {name: value.clone() for name, value in [*quantizer.named_parameters(), *quantizer.named_buffers()]}


def test_forward_is_decode_of_encode(quantizer):
    vectors = torch.randn(3, 40, WIDTH)
    found = quantizer.eval()(vectors)
    assert torch.equal(found.codes, quantizer.encode(vectors))
    assert torch.equal(found.vectors, quantizer.decode(found.codes))


@pytest.mark.parametrize("leading", [(30,), (2, 15), (2, 3, 5), (1, 2, 3, 5)])
def test_latents_of_any_rank_give_the_same_codes(quantizer, leading):
    vectors = torch.randn(30, WIDTH)
    flat = quantizer.eval()(vectors)
    shaped = quantizer(vectors.reshape(*leading, WIDTH))
    assert torch.equal(shaped.codes, flat.codes.reshape(*leading, quantizer.num_codebooks))
    assert torch.equal(shaped.vectors, flat.vectors.reshape(*leading, WIDTH))


def test_eval_never_updates(quantizer):
    before = state(quantizer)
    quantizer.eval()(torch.randn(2, 20, WIDTH))
    quantizer.encode(torch.randn(2, 20, WIDTH))
    assert_close(state(quantizer), before, atol=0, rtol=0)


def test_training_counts_every_frame_once(quantizer):
    quantizer.reset_statistics()
    quantizer(torch.randn(2, 20, WIDTH))
    assert [usage.num_frames for usage in quantizer.statistics()] == [40] * quantizer.num_codebooks


def run_masked(name, padding):
    """A training and an evaluation step on 4 sequences whose second halves are padding."""
    torch.manual_seed(3)
    quantizer = MAKERS[name]().train()
    vectors, mask = torch.randn(4, 40, WIDTH), (torch.arange(40) < 20).expand(4, 40)
    vectors = torch.where(mask.unsqueeze(-1), vectors, padding)
    trained, tried = quantizer(vectors, mask), quantizer.eval()(vectors, mask)
    return trained, tried, state(quantizer), [usage.num_frames for usage in quantizer.statistics()]


@pytest.mark.parametrize("name", list(MAKERS))
def test_garbage_behind_the_mask_changes_nothing(name):
    clean, dirty = run_masked(name, torch.tensor(0.0)), run_masked(name, torch.tensor(float("nan")))
    assert_close(clean, dirty, atol=0, rtol=0)
    assert set(clean[3]) == {80}
    assert not clean[1].codes[:, 20:].any()
    assert not clean[1].vectors[:, 20:].any()


def test_a_mask_of_nothing_leaves_no_trace(quantizer):
    before = state(quantizer)
    found = quantizer(torch.randn(2, 20, WIDTH), torch.zeros(2, 20, dtype=torch.bool))
    assert found.commitment == 0
    assert_close(state(quantizer), before, atol=0, rtol=0)


def test_a_mask_of_all_is_no_mask(quantizer):
    vectors = torch.randn(2, 20, WIDTH)
    masked = quantizer.eval()(vectors, torch.ones(2, 20, dtype=torch.bool))
    assert_close(masked, quantizer(vectors), atol=0, rtol=0)


@pytest.mark.parametrize("name", list(MAKERS))
def test_autocast_changes_no_bit(name):
    results = []
    for is_enabled in (False, True):
        torch.manual_seed(1)
        quantizer = MAKERS[name]().train()
        vectors = torch.randn(4, 40, WIDTH, requires_grad=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_enabled):
            trained = quantizer(vectors)
            results.append((trained, quantizer.eval()(vectors), quantizer.encode(vectors), state(quantizer)))
    assert_close(results[0], results[1], atol=0, rtol=0)
    assert results[1][0].vectors.dtype == torch.float32


def test_half_precision_vectors_come_back_as_float32(quantizer):
    vectors = torch.randn(2, 20, WIDTH).bfloat16()
    found = quantizer.eval()(vectors)
    assert found.vectors.dtype == torch.float32
    assert torch.equal(found.codes, quantizer.encode(vectors.float()))


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_saved_state_gives_the_same_quantizer(name):
    trained, fresh = MAKERS[name]().train(), MAKERS[name]().train()
    trained(torch.randn(4, 50, WIDTH))
    fresh.load_state_dict(trained.state_dict())
    vectors = torch.randn(4, 50, WIDTH)
    results = []
    for quantizer in (trained, fresh):
        torch.manual_seed(5)
        results.append((quantizer(vectors), quantizer.state_dict()))
    assert_close(results[0], results[1], atol=0, rtol=0)


@pytest.mark.parametrize("name", ["ema", "gradient", "residual ema", "residual gradient"])
def test_the_gradient_of_the_vectors_reaches_the_input_once(name):
    quantizer = MAKERS[name]().train()
    vectors, gradient = torch.randn(2, 50, WIDTH, requires_grad=True), torch.randn(2, 50, WIDTH)
    quantizer(vectors).vectors.backward(gradient)
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, gradient)


@pytest.mark.parametrize("name", [name for name in MAKERS if "projected" in name or "gradient" in name])
def test_every_parameter_learns(name):
    quantizer = MAKERS[name]().train()
    found = quantizer(torch.randn(4, 50, WIDTH))
    (found.vectors.square().sum() + found.commitment).backward()
    for parameter in quantizer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.any()


def test_wrong_shapes_are_explained(quantizer):
    with pytest.raises(VqaudioError, match="move the vector axis to the end"):
        quantizer(torch.randn(2, WIDTH, 20))
    with pytest.raises(VqaudioError, match="wanted bool"):
        quantizer(torch.randn(2, 20, WIDTH), torch.ones(20, 2, dtype=torch.bool))
    with pytest.raises(VqaudioError, match="wanted integers"):
        quantizer.decode(torch.zeros(2, 20, quantizer.num_codebooks + 1, dtype=torch.int64))
    with pytest.raises(VqaudioError, match=f"has 1 to {quantizer.num_codebooks}"):
        quantizer.encode(torch.randn(2, 20, WIDTH), num_codebooks=quantizer.num_codebooks + 1)
