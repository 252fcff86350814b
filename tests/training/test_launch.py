"""What the processes of a run do together, with the others played by a stand-in for their sums."""

import pytest
import torch
from torch import nn

from vqaudio.training import launch
from vqaudio.training.launch import average_gradients, clip_gradients, mean_over_processes, share_weights


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """This process is one of three; each of the others has twice its numbers.  Returns what was added up."""
    summed: list[torch.Tensor] = []

    def all_reduce(value: torch.Tensor) -> None:
        summed.append(value.clone())
        value.mul_(5)

    monkeypatch.setattr(launch.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(launch.dist, "get_world_size", lambda: 3)
    monkeypatch.setattr(launch.dist, "all_reduce", all_reduce)
    return summed


def with_gradients(*sizes: int) -> nn.ParameterList:
    parameters = nn.ParameterList(nn.Parameter(torch.zeros(size, 2)) for size in sizes)
    for place, parameter in enumerate(parameters):
        parameter.grad = torch.arange(float(parameter.numel())).view_as(parameter) + 10 * place
    return parameters


def test_every_gradient_becomes_the_mean_of_all_processes_in_one_sum(three: list[torch.Tensor]) -> None:
    modules = [with_gradients(3, 1), with_gradients(2)]
    modules[0].append(nn.Parameter(torch.ones(4)))  # this one has none
    before = [p.grad.clone() for module in modules for p in module.parameters() if p.grad is not None]
    average_gradients(modules, 3)
    after = [p.grad for module in modules for p in module.parameters() if p.grad is not None]
    torch.testing.assert_close(after, [gradient * 5 / 3 for gradient in before])
    assert len(three) == 1
    average_gradients([nn.Linear(2, 2)], 3)
    average_gradients(modules, 1)
    assert len(three) == 1


def test_a_mean_over_processes_is_theirs_and_leaves_the_value_alone(three: list[torch.Tensor]) -> None:
    value = torch.tensor([3.0, -6.0], requires_grad=True)
    mean = mean_over_processes(value)
    assert mean.tolist() == [5.0, -10.0]
    assert not mean.requires_grad
    assert value.tolist() == [3.0, -6.0]


def test_one_process_has_nobody_to_ask(three: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.dist, "get_world_size", lambda: 1)
    assert mean_over_processes(torch.tensor([3.0])).tolist() == [3.0]
    assert three == []


def test_weights_and_buffers_come_from_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(launch.dist, "broadcast", lambda tensor, src: sent.append((tensor.numel(), src)))
    norm = nn.BatchNorm1d(3)
    share_weights(norm, 1)
    assert sent == []
    share_weights(norm, 2)
    assert sent == [(value.numel(), 0) for value in norm.state_dict().values()]


def test_gradients_are_scaled_down_to_a_norm_and_never_up() -> None:
    for size, clipped in ((10.0, 2.0), (1.0, 1.0)):
        layer = nn.Linear(2, 1, bias=True)
        layer.weight.grad = torch.tensor([[0.6, 0.8]]) * size
        assert float(clip_gradients(layer, 2.0)) == pytest.approx(size)
        torch.testing.assert_close(layer.weight.grad.norm(), torch.tensor(clipped), rtol=1e-4, atol=1e-4)
