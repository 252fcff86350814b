"""Spectrum frames to waveform: an inverse short-time Fourier transform that streams."""

import torch
from torch import Tensor, nn

from vqaudio.nn.conv import State

MAX_LOG_MAGNITUDE = 6.0  # exp(6) is far above any frame of speech in [-1, 1]; it keeps a wild start finite


class FourierHead(nn.Module):
    """`b d t` -> `b 1 t*hop`: a linear layer gives log magnitude and phase, windows of four hops overlap and add.

        frame t    |--------window, n_fft = 4 hop-------|
        frame t+1          |----------------------------------|
        output     |.. hop ..|  final once frame t was added; the rest is carried as state

    Sample `i` of the result belongs to time `i - 3 hop`: the decoder's lookahead takes that delay back.
    Source: Vocos, arXiv:2306.00814.
    """

    stride, context = 1, 3

    def __init__(self, width: int, *, hop: int) -> None:
        super().__init__()
        self.hop, self.n_fft = hop, 4 * hop
        self.project = nn.Linear(width, self.n_fft + 2)
        with torch.no_grad():
            self.project.weight.mul_(0.3)
            self.project.bias[: self.n_fft // 2 + 1] = -1.0
        # A Hann window squared and shifted by a quarter of its length sums to 3/2.
        window = torch.hann_window(self.n_fft, periodic=True) / 1.5
        self.register_buffer("window", window, persistent=False)

    def zero_state(self, batch: int) -> Tensor:
        """`b 3*hop` zeros: the part of the last windows that is not final yet."""
        return self.project.weight.new_zeros(batch, 3 * self.hop)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x: `b d t`.  Returns `b 1 t*hop` and what the next block must add."""
        log_magnitude, phase = self.project(x.transpose(1, 2)).float().chunk(2, dim=-1)
        magnitude = torch.exp(log_magnitude.clamp(max=MAX_LOG_MAGNITUDE))
        with torch.autocast(x.device.type, enabled=False):
            frames = torch.fft.irfft(torch.polar(magnitude, phase), n=self.n_fft) * self.window
        batch, steps, hop = *frames.shape[:2], self.hop
        added = frames.new_zeros(batch, steps + 3, hop)
        for quarter in range(4):
            added[:, quarter : quarter + steps] += frames[:, :, quarter * hop : (quarter + 1) * hop]
        owed = torch.cat([state.view(batch, 3, hop), added.new_zeros(batch, steps, hop)], dim=1)
        audio, tail = (added + owed).split([steps, 3], dim=1)
        return audio.reshape(batch, 1, steps * hop), tail.reshape(batch, 3 * hop)

    def forward(self, x: Tensor) -> Tensor:
        """`step` from a zero state."""
        return self.step(x, self.zero_state(x.shape[0]))[0]
