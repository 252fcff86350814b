"""A streaming inverse short-time Fourier transform: spectrum frames to waveform."""

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.conv import State
from vqaudio.nn.phases import integrate_phases

MAX_LOG_MAGNITUDE = 1.0  # of a sinusoid of amplitude 1 it is 0; the limit keeps a wild start finite
OVERLAP = 4  # hops per window
MOMENTUM = 0.99  # Perraudin et al. 2013, "A fast Griffin-Lim algorithm"
GENTLE_MOMENTUM = 0.9  # of phases that are nearly right
QUIET = 1e-18  # power
PHASE_STARTS = ("network", "gradient")


class ISTFTHead(nn.Module):
    """An inverse-STFT head, `b d t` -> `b 1 t*hop`: a linear layer gives log magnitudes and phases, then overlap-add.

        frame t    |--------window, n_fft = 4 hop-------|
        frame t+1          |----------------------------------|
        output     |.. hop ..|  final once frame t was added; the rest is carried as state

    With num_iterations > 0, `step` improves the phases of each block before it adds them: frames are made consistent
    with their overlaps by the fast Griffin-Lim algorithm, the last `held_frames` of a block are kept back and taken up
    again with the next one, and the sound already given stays as it is.  So the sound then depends on how the frames
    are cut into blocks; a codec cuts them into windows of one length.
    Phases start from the network's own, or with phase_start="gradient" from those of `integrate_phases`, which go on
    where the frame before ends: a third of the iterations then do better.
    Source: inverse-Fourier head, Vocos, arXiv:2306.00814; phases, Perraudin et al. 2013 (WASPAA).
    """

    window: Tensor

    def __init__(
        self, width: int, *, hop: int, num_iterations: int = 0, held_frames: int = 8, phase_start: str = "network"
    ) -> None:
        super().__init__()
        if phase_start not in PHASE_STARTS or (phase_start == "gradient" and not num_iterations):
            raise VqaudioError(
                f"phase_start must be one of {', '.join(PHASE_STARTS)}, the second with iterations, "
                f"got {phase_start!r} with {num_iterations}"
            )
        if num_iterations and held_frames < OVERLAP - 1:
            raise VqaudioError(f"held_frames must span the {OVERLAP - 1} frames that overlap, got {held_frames}")
        self.hop, self.n_fft, self.num_iterations = hop, OVERLAP * hop, num_iterations
        self.held_frames, self.phase_start = held_frames if num_iterations else 0, phase_start
        self.momentum = GENTLE_MOMENTUM if phase_start == "gradient" else MOMENTUM
        self.project = nn.Linear(width, self.n_fft + 2)
        num_bins = self.n_fft // 2 + 1
        with torch.no_grad():
            self.project.weight[num_bins:] = 0  # phases start at zero
            self.project.bias[:num_bins] = -6.0  # a quiet frame
            self.project.bias[num_bins:] = 0
        self.register_buffer("window", torch.hann_window(self.n_fft), persistent=False)

    @property
    def scale(self) -> float:
        """Magnitude of a sinusoid of amplitude 1 in a bin of the windowed transform."""
        return self.n_fft / 4

    def zero_state(self, batch: int) -> State:
        """Make the overlap tail of earlier frames, `b 3 hop`, and the held frames, `b t f` complex."""
        overlap_tail = self.project.weight.new_zeros(batch, OVERLAP - 1, self.hop)
        held = self.project.weight.new_zeros(batch, self.held_frames, self.n_fft // 2 + 1, dtype=torch.complex64)
        return overlap_tail, held

    def spectrum(self, x: Tensor, ripple: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict natural log magnitudes (0 is a sinusoid of amplitude 1) and phases, `b t f` float32, of x `b d t`.

        ripple: `b t f`, added to the log magnitudes.
        """
        log_magnitudes, phases = self.project(x.transpose(1, 2)).float().chunk(2, dim=-1)
        log_magnitudes = log_magnitudes if ripple is None else log_magnitudes + ripple
        return log_magnitudes.clamp(max=MAX_LOG_MAGNITUDE), phases

    def step(self, x: Tensor, state: State, ripple: Tensor | None = None) -> tuple[Tensor, State]:
        """Synthesize audio `b 1 t*hop` of x `b d t`, delayed by the held frames.  ripple: see `spectrum`.

        Returns the next state too.
        """
        log_magnitudes, phases = self.spectrum(x, ripple)
        overlap_tail, held = state
        with torch.autocast(x.device.type, enabled=False):
            if self.phase_start == "gradient":
                last = held[:, -1]
                before = torch.log(last.abs() / self.scale)
                phases = integrate_phases(log_magnitudes, before, last.angle(), hop=self.hop)
            new = torch.polar(torch.exp(log_magnitudes) * self.scale, phases)
            frames = torch.cat([held, new], dim=1)
            if self.num_iterations:
                frames = self._griffin_lim(frames, overlap_tail)
            ready, held = frames.split([new.shape[1], self.held_frames], dim=1)
            added = self._overlap_add(ready, overlap_tail)
        audio, overlap_tail = added.split([new.shape[1], OVERLAP - 1], dim=1)
        return audio.reshape(x.shape[0], 1, -1), (overlap_tail, held)

    def forward(self, x: Tensor) -> Tensor:
        """Synthesize audio `b 1 t*hop` of x `b d t` with the network's own phases, without Griffin-Lim iterations."""
        log_magnitudes, phases = self.spectrum(x)
        return self.synthesize(log_magnitudes, phases)

    def synthesize(self, log_magnitudes: Tensor, phases: Tensor) -> Tensor:
        """Synthesize audio `b 1 t*hop` by overlap-add of log_magnitudes and phases `b t f` as they are."""
        batch, num_frames = log_magnitudes.shape[:2]
        overlap_tail = log_magnitudes.new_zeros(batch, OVERLAP - 1, self.hop)
        with torch.autocast(log_magnitudes.device.type, enabled=False):
            added = self._overlap_add(torch.polar(torch.exp(log_magnitudes) * self.scale, phases), overlap_tail)
        return added[:, :num_frames].reshape(batch, 1, -1)

    def _overlap_add(self, frames: Tensor, overlap_tail: Tensor) -> Tensor:
        """Overlap and add frames `b t f` complex and overlap_tail `b 3 hop`: the sum of the windows, `b t+3 hop`."""
        # A Hann window squared and shifted by a quarter of its length sums to 3/2.
        waves = torch.fft.irfft(frames, n=self.n_fft) * (self.window / 1.5)
        batch, num_frames = waves.shape[:2]
        quarters = waves.view(batch, num_frames, OVERLAP, self.hop)
        added = torch.cat([overlap_tail, overlap_tail.new_zeros(batch, num_frames, self.hop)], dim=1)
        for quarter in range(OVERLAP):
            added[:, quarter : quarter + num_frames].add_(quarters[:, :, quarter])
        return added

    def _griffin_lim(self, frames: Tensor, overlap_tail: Tensor) -> Tensor:
        """Make the phases of frames `b t f` consistent where their windows overlap, by fast Griffin-Lim iterations."""
        magnitudes, previous = frames.abs(), torch.zeros_like(frames)
        # Scale: the last hops lack the frames to come, so their partial sums are brought to full level.
        share = torch.ones(frames.shape[1] + OVERLAP - 1, self.hop, device=frames.device)
        tail = (self.window.square() / 1.5).view(OVERLAP, self.hop)
        share[-(OVERLAP - 1) :] = tail.flip(0).cumsum(0)[:-1].flip(0)
        full_level = 1 / share.clamp(min=0.1)
        for _ in range(self.num_iterations):
            # Project on consistent spectra: overlap-add, then transform again.
            sound = (self._overlap_add(frames, overlap_tail) * full_level).flatten(1)
            consistent = torch.fft.rfft(sound.unfold(-1, self.n_fft, self.hop) * self.window)
            # Momentum of the fast algorithm.
            accelerated = torch.sub(consistent, previous, alpha=self.momentum / (1 + self.momentum))
            previous = consistent
            # Keep the phases, restore the magnitudes.
            power = accelerated.real.square() + accelerated.imag.square()  # abs() costs four times that
            frames = accelerated * (magnitudes * torch.rsqrt(power + QUIET))
        return frames
