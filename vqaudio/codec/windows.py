"""Law 2: everything that turns sound into codes runs on one tensor shape."""

import torch.nn.functional as F
from torch import Tensor

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once


def fixed_rows(audio: Tensor) -> tuple[Tensor, ...]:
    """One row at a time on a CPU, sixteen (filled up with silence) on an accelerator: always one shape."""
    rows_at_once = 1 if audio.device.type == "cpu" else ACCELERATOR_ROWS
    return F.pad(audio, (0, 0, 0, 0, 0, -audio.shape[0] % rows_at_once)).split(rows_at_once)


def fixed_windows(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cuts the last axis into windows of one size, the last one filled up with zeros."""
    return F.pad(x, (0, -x.shape[-1] % size)).split(size, dim=-1)
