"""One step of a network in training: whole gradients, none that is not finite, a rate that rises and falls."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vqaudio.training.launch import Launch
from vqaudio.training.learner import Learner, OptimizerConfig, warmup_cosine

SETTINGS = OptimizerConfig(learning_rate=0.1, weight_decay=0.0, warmup_steps=2, max_gradient_norm=1.0)


@pytest.fixture
def learner() -> Learner:
    return Learner(nn.Linear(3, 1), SETTINGS, num_steps=10, launch=Launch(torch.device("cpu")))


def weights_of(learner: Learner) -> list[torch.Tensor]:
    return [value.detach().clone() for value in learner.module.parameters()]


def step(learner: Learner, number: int, scale: float) -> None:
    learner.begin(number)
    (scale * learner.module(torch.ones(1, 3)).sum()).backward()
    learner.finish()


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing_and_is_counted(learner: Learner, scale: float) -> None:
    step(learner, 0, 1.0)
    before = weights_of(learner)
    step(learner, 1, scale)
    assert learner.num_skipped == 1
    assert_close(weights_of(learner), before, atol=0, rtol=0)
    step(learner, 2, 1.0)
    assert learner.num_skipped == 1
    assert all((after < earlier).all() for after, earlier in zip(weights_of(learner), before, strict=True))


def test_backward_passes_between_begin_and_finish_add_up_and_none_is_left_for_the_next_step(learner: Learner) -> None:
    learner.begin(0)
    for _ in range(2):
        (0.1 * learner.module(torch.ones(1, 3)).sum()).backward()
    assert_close(
        [value.grad for value in learner.module.parameters()], [torch.full((1, 3), 0.2), torch.full((1,), 0.2)]
    )
    learner.finish()
    learner.begin(1)
    assert all(value.grad is None for value in learner.module.parameters())


def test_long_gradients_are_shortened_to_the_limit_and_short_ones_left(learner: Learner) -> None:
    for scale, norm in ((10.0, 1.0), (0.1, 0.2)):
        step(learner, 0, scale)
        found = torch.cat([value.grad.flatten() for value in learner.module.parameters() if value.grad is not None])
        assert float(found.norm()) == pytest.approx(norm, rel=1e-4)


def test_a_step_is_taken_at_the_rate_of_its_number(learner: Learner) -> None:
    """Adam's first step is as long as its rate, whatever the gradient."""
    before = weights_of(learner)
    step(learner, 5, 3.0)
    wanted = SETTINGS.learning_rate * warmup_cosine(5, num_steps=10, warmup_steps=2)
    assert_close(
        [one - after for one, after in zip(before, weights_of(learner), strict=True)],
        [torch.full((1, 3), wanted), torch.full((1,), wanted)],
        atol=1e-6,
        rtol=1e-4,
    )


def test_the_settings_reach_the_optimiser() -> None:
    settings = OptimizerConfig(learning_rate=0.1, betas=(0.5, 0.6), weight_decay=0.3, warmup_steps=2)
    learner = Learner(nn.Linear(3, 1), settings, num_steps=10, launch=Launch(torch.device("cpu")))
    (group,) = learner.optimizer.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.1, (0.5, 0.6), 0.3)


def test_the_rate_of_a_step_does_not_depend_on_those_before(learner: Learner) -> None:
    for number in (0, 9, 3, 3):
        learner.begin(number)
        wanted = SETTINGS.learning_rate * warmup_cosine(number, num_steps=10, warmup_steps=2)
        assert [group["lr"] for group in learner.optimizer.param_groups] == [wanted]
