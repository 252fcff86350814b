import pytest
import torch


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def cut():
    """Runs a layer on `b c n` in blocks and joins the results."""

    def run(layer, x, block, *, num_outputs=None):
        state, parts = layer.zero_state(x.shape[0]), []
        for part in x.split(block, dim=-1):
            out, state = layer.step(part, state)
            parts.append(out)
        return torch.cat(parts, dim=-1)

    return run
