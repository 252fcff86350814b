"""The running loudness of a signal, so that what is said and how loud it was recorded can be coded apart."""

import torch
from torch import Tensor, nn

QUIETEST = -5.0  # log10 amplitude: -100 dB, what is left of digital silence; below it there is no level to follow
NOMINAL = -1.2  # log10 amplitude: the level that speech is brought to, about its mean in read speech
RELEASE_PER_S = 0.5  # log10 amplitude: 10 dB, so that a pause between words hardly moves the level


class LevelFollower(nn.Module):
    """Log10 amplitude of what was just heard: rises at once, falls slowly.

        level(t) = max over s <= t of  log10 amplitude(s) - release * (t - s)

    A change of volume moves every level by the same amount, so the signal divided by its level does not change at all.
    It is causal and needs one number of memory: a peak programme meter (IEC 60268-10) on a logarithmic scale.
    """

    def __init__(self, frame_rate_hz: float) -> None:
        super().__init__()
        self.release = RELEASE_PER_S / frame_rate_hz

    def zero_state(self, like: Tensor) -> Tensor:
        """The level after endless silence, `b 1`, for signals `b ...` like this one."""
        return like.new_full((like.shape[0], 1), QUIETEST)

    def step(self, power: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """power: `b t`, squared amplitude of each frame.  Returns levels `b t` and the next state."""
        loudness = 0.5 * torch.log10(power.clamp(min=10 ** (2 * QUIETEST)))
        fallen = self.release * torch.arange(power.shape[-1] + 1, device=power.device)
        levels = torch.cummax(torch.cat([state, loudness], dim=-1) + fallen, dim=-1).values - fallen
        levels = levels[:, 1:].clamp(min=QUIETEST)
        return levels, levels[:, -1:]
