"""Classes from a codec of units that there is: what it says of clean speech, its successor learns to say of any."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.segmentation import SegmentSetting
from vqaudio.nn.encoder import Encoder
from vqaudio.nn.stem import StemOutput
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.segments.distances import quantizer_distances
from vqaudio.quantizers.segments.viterbi import segment_codes
from vqaudio.training.units.corruption import warped


@dataclass(frozen=True)
class TeacherConfig:
    """How a teacher decides.

    penalty: of a segment, see `SegmentSetting`; 0 takes each frame by itself.  warps: vocal tract lengths of a voice
    over whose latents the mean is taken.
    """

    penalty: float = 0.5
    warps: tuple[float, ...] = (0.95, 1.0, 1.05)


class Teacher(nn.Module):
    """A classifier of stem features by the codes of a codec that learned units before, segment by segment.

    Latents are averaged over views of the voice with other vocal tract lengths, and a code that only one frame speaks
    for gives way to those around it.  It does not learn.
    Sources: views that differ in the voice, Chang, Liu and Glass 2023 (Spin, arXiv:2305.11072); a teacher's codes as
    the classes of a student that hears less, Liu et al. 2023 (DinoSR, arXiv:2305.10005).
    """

    def __init__(self, encoder: Encoder, quantizer: EmaQuantizer, how: TeacherConfig) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.how = encoder, quantizer, how
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, output: StemOutput, num_steps: Tensor | None = None) -> Tensor:
        """Classify stem features `b m t`.  num_steps: `b` steps that are real, all if None.  Returns `b t/stride`."""
        distances = quantizer_distances(self.quantizer)(self.latents(output.features)).cpu().numpy()
        setting, stride = SegmentSetting(self.how.penalty, off_peak=1), self.encoder.body.stride
        ends = [len(one) for one in distances] if num_steps is None else (num_steps // stride).tolist()
        codes = torch.zeros(distances.shape[:2], dtype=torch.int64)
        for row, (one, end) in enumerate(zip(distances, ends, strict=True)):
            codes[row, :end] = torch.from_numpy(segment_codes(one[:end], setting))
        return codes.to(output.features.device)

    def latents(self, features: Tensor) -> Tensor:
        """Compute the mean latents of all views of features `b m t`: `b t/stride d`."""
        features = F.pad(features, (0, self.encoder.lookahead_frames * self.encoder.body.stride), mode="replicate")
        views = [warped(features, features.new_full((len(features),), factor)) for factor in self.how.warps]
        latents = torch.stack([self.encoder.vectors_of(view).float() for view in views]).mean(dim=0)
        return latents.transpose(1, 2)
