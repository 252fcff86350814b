"""Pitch that is predicted from codes and a voice, where none is given."""

import torch
from torch import Tensor

from vqaudio.codec.pitch.coder import Pitch
from vqaudio.nn.pitch import PitchTrack
from vqaudio.nn.pitch_predictor import PitchPredictor, likely_codes, prediction_loss


@torch.no_grad()
def predict_pitch(predictor: PitchPredictor, vectors: Tensor, embeddings: Tensor | None, num_steps: int) -> Pitch:
    """Predict the pitch of vectors `b d t`, spoken by embeddings `b e`."""
    predicted = predictor(vectors, embeddings)
    return Pitch(likely_codes(predicted.logits), 2**predicted.median_octaves, num_steps)


@torch.no_grad()
def predict_median_hz(predictor: PitchPredictor, embeddings: Tensor) -> Tensor:
    """Predict the median of voices, embeddings `b e`: `b` in Hz."""
    return 2 ** predictor.median(embeddings)[:, 0].float()


def loss_of_prediction(
    predictor: PitchPredictor, vectors: Tensor, embeddings: Tensor | None, pitch: Pitch, is_real: Tensor | None
) -> Tensor:
    """Compute how far the prediction is from the pitch of a recording; only the predictor learns of it.

    is_real: `b t`, the frames that count; None: all.
    """
    voices = None if embeddings is None else embeddings.detach()
    return prediction_loss(predictor(vectors.detach(), voices), pitch.codes, pitch.median_hz, is_real)


def track_of(pitch: Pitch) -> PitchTrack:
    """Take pitch as a decoder wants it."""
    return PitchTrack(pitch.codes, pitch.f0_hz)
