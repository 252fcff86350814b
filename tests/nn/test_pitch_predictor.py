"""The predictor of pitch: what it learns, and what it makes of chances."""

import pytest
import torch

from vqaudio.nn.pitch_predictor import PitchPredictor, PredictedPitch, likely_codes, prediction_loss

STEPS = 8


def test_it_learns_the_pitch_that_vectors_and_voices_decide() -> None:
    torch.manual_seed(0)
    predictor = PitchPredictor(STEPS, latent_width=4, embedding_width=3)
    vectors = torch.randn(6, 4, 60)
    voices = torch.eye(3).repeat(2, 1)
    codes = ((vectors[:, 0] > 0) * (1 + 5 * (vectors[:, 1] > 0) + voices.argmax(dim=1, keepdim=True))).long()
    medians = torch.tensor([125.0, 150.0, 180.0]).repeat(2)
    optimizer = torch.optim.AdamW(predictor.parameters(), lr=5e-3)
    for _ in range(60):
        loss = prediction_loss(predictor(vectors, voices), codes, medians)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predictor.requires_grad_(False)
    predicted = predictor(vectors, voices)
    assert (likely_codes(predicted.logits) == codes).float().mean() > 0.9
    torch.testing.assert_close(2**predicted.median_octaves, medians, rtol=0.06, atol=0)
    swapped = predictor(vectors, voices.roll(1, dims=0))
    assert float(swapped.median_octaves[1]) == pytest.approx(float(predicted.median_octaves[0]))


def test_the_mean_step_is_taken_where_a_voice_is_likelier_than_none() -> None:
    chances = torch.tensor([[[0.6, 0.4, 0, 0], [0.4, 0.3, 0, 0.3], [0.4, 0, 0, 0.6], [0.0, 0.5, 0.5, 0.0]]])
    assert likely_codes((chances + 1e-9).log()).tolist() == [[0, 2, 3, 2]]


def test_frames_that_are_not_real_and_voices_that_were_not_heard_cost_nothing() -> None:
    logits, medians = torch.randn(2, 5, STEPS + 1), torch.tensor([7.0, 9.0])
    codes, is_real = torch.randint(STEPS + 1, (2, 5)), torch.ones(2, 5, dtype=torch.bool)
    wanted = prediction_loss(PredictedPitch(logits, medians), codes, torch.tensor([128.0, 0.0]))
    nats = prediction_loss(PredictedPitch(logits, medians), codes, torch.zeros(2))
    torch.testing.assert_close(wanted, nats)  # the first is right, the second unknown
    assert prediction_loss(PredictedPitch(logits, medians + 1), codes, torch.full((2,), 128.0)) > nats + 0.9
    is_real[0, 3:] = False
    changed = logits.clone()
    changed[0, 3:] += 5 * torch.randn(2, STEPS + 1)
    heard = [prediction_loss(PredictedPitch(x, medians), codes, torch.zeros(2), is_real) for x in (logits, changed)]
    torch.testing.assert_close(heard[0], heard[1])


def test_a_frame_hears_half_a_second_ahead_and_no_more() -> None:
    torch.manual_seed(0)
    predictor, vectors = PitchPredictor(STEPS, latent_width=4, embedding_width=0), torch.randn(1, 4, 80)
    other = vectors.clone()
    other[..., 50] += 1
    changed = (predictor(vectors).logits - predictor(other).logits).abs().amax(dim=-1)[0] > 0
    assert changed.nonzero().min() == 50 - 24
