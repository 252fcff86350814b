"""The linear probe of codes and of vectors: multinomial logistic regression on the frames around.

Three inputs show what the bottleneck costs: the codes (one weight for each code, position and phone: the same as
one-hot codes), the vectors of the codebook, and the output of the encoder before the codebook.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.counts import UNLABELLED

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH_FRAMES = 1024
TENTH = 10
MIN_STEPS = 300  # few frames are gone through more often


@dataclass(frozen=True)
class LinearOptions:
    """The options of a linear probe.

    radius_frames: frames on either side that are read too.  learning_rate: of Adam, falling to 0 along a cosine.
    weight_decays: the best of them is chosen on every tenth of the fitted utterances, then all are fitted on.
    """

    radius_frames: int = 0
    num_epochs: int = 10
    learning_rate: float = 0.01
    weight_decays: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2)
    seed: int = 0


@dataclass(frozen=True)
class LinearScore:
    """The accuracy of a linear probe.

    accuracy: on the tested frames.  prior: of naming the most frequent fitted phone.  fitted_accuracy: on the others.
    weight_decay: the one that was chosen.
    """

    accuracy: float
    prior: float
    fitted_accuracy: float
    num_fitted: int
    num_tested: int
    weight_decay: float


def window_frames(values: NDArray, starts: NDArray[np.integer], radius_frames: int) -> NDArray[np.int64]:
    """List the frames that each frame reads: `n w` indices, w = 2 radius + 1; -1 beyond the ends of its utterance.

    values: `n` or `n d`; starts: `u + 1`.
    """
    num_frames = len(values)
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    indices = np.arange(num_frames)[:, None] + np.arange(-radius_frames, radius_frames + 1)
    is_inside = (indices >= starts[:-1][owner][:, None]) & (indices < starts[1:][owner][:, None])
    return np.where(is_inside, indices, -1)


def linear_probe(
    values: NDArray,
    phones: NDArray[np.integer],
    starts: NDArray[np.integer],
    is_tested: NDArray[np.bool_],
    options: LinearOptions | None = None,
) -> LinearScore:
    """Fit a linear probe on the labelled frames that are not tested, and test it on the others.

    values: codes `n` (integers) or vectors `n d` (standardised by the fitted frames) · phones: `n` ·
    starts: `u + 1`, windows do not cross utterances · is_tested: `n`.
    Raises VqaudioError if one side has no labelled frame or a vector is not finite.
    """
    import torch

    options = options or LinearOptions()
    is_labelled = phones != UNLABELLED
    fitted, tested = np.flatnonzero(is_labelled & ~is_tested), np.flatnonzero(is_labelled & is_tested)
    if not len(fitted) or not len(tested):
        raise VqaudioError(f"a linear probe has {len(fitted)} labelled frames to fit on and {len(tested)} to test on")
    frames = _Frames(
        _code_rows(values) if values.ndim == 1 else _vector_rows(values, fitted),
        torch.from_numpy(window_frames(values, starts, options.radius_frames)),
        torch.from_numpy(phones.astype(np.int64)),
    )
    weight_decay = _best_weight_decay(frames, fitted, starts, options)
    model = _fit(frames, fitted, weight_decay, options)
    most_frequent = np.bincount(phones[fitted]).argmax()
    prior = float((phones[tested] == most_frequent).mean())
    scores = _accuracy(model, frames, tested), prior, _accuracy(model, frames, fitted)
    return LinearScore(*scores, len(fitted), len(tested), weight_decay)


class _Frames(NamedTuple):
    """The inputs and targets of a linear probe.

    inputs: `n + 1`, row 0 is what lies beyond an utterance · rows: `n w` · targets: `n`.
    """

    inputs: "Tensor"
    rows: "Tensor"
    targets: "Tensor"


def _best_weight_decay(
    frames: _Frames, fitted: NDArray[np.integer], starts: NDArray[np.integer], options: LinearOptions
) -> float:
    """Choose the weight decay whose model of the other utterances is the most accurate on every tenth.

    Without two utterances it is the first.
    """
    owners = np.searchsorted(starts, fitted, side="right") - 1
    utterances = np.unique(owners)
    decays = list(options.weight_decays)
    if len(decays) < 2 or len(utterances) < 2:
        return decays[0]
    is_checked = np.isin(owners, utterances[::TENTH])
    accuracies = [
        _accuracy(_fit(frames, fitted[~is_checked], decay, options), frames, fitted[is_checked]) for decay in decays
    ]
    return decays[int(np.argmax(accuracies))]


def _code_rows(codes: NDArray[np.integer]) -> "Tensor":
    """Number codes from 1; row 0 is what lies beyond an utterance."""
    import torch

    return torch.from_numpy(np.concatenate([[0], codes.astype(np.int64) + 1]))


def _vector_rows(vectors: NDArray[np.floating], fitted: NDArray[np.integer]) -> "Tensor":
    """Standardise vectors; row 0, of zeros, is what lies beyond an utterance."""
    import torch

    if not np.isfinite(vectors).all():
        raise VqaudioError("a linear probe got vectors with NaN or infinity")
    mean, deviation = vectors[fitted].mean(axis=0), vectors[fitted].std(axis=0)
    scaled = (vectors - mean) / np.where(deviation > 0, deviation, 1.0)
    return torch.from_numpy(np.concatenate([np.zeros((1, vectors.shape[1])), scaled]).astype(np.float32))


def _fit(frames: _Frames, fitted: NDArray[np.integer], weight_decay: float, options: LinearOptions) -> "nn.Module":
    import torch

    frame_numbers = torch.from_numpy(fitted)
    model = _model(frames)
    optimizer = torch.optim.Adam(model.parameters(), options.learning_rate, weight_decay=weight_decay)
    num_batches = -(-len(fitted) // BATCH_FRAMES)
    num_epochs = max(options.num_epochs, -(-MIN_STEPS // num_batches))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs * num_batches)
    generator = torch.Generator().manual_seed(options.seed)
    for _ in range(num_epochs):
        for batch in frame_numbers[torch.randperm(len(fitted), generator=generator)].split(BATCH_FRAMES):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(_logits(model, frames, batch), frames.targets[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
    return model


def _model(frames: _Frames) -> "nn.Module":
    """Make a linear layer from zero weights; for codes one table of weights for each position in the window."""
    import torch

    width, num_phones = frames.rows.shape[1], int(frames.targets.max()) + 1
    with torch.random.fork_rng(devices=[]):  # layers draw the weights that are then put to zero
        if frames.inputs.ndim == 2:
            model = torch.nn.Linear(frames.inputs.shape[1] * width, num_phones)
            torch.nn.init.zeros_(model.bias)
        else:
            model = torch.nn.EmbeddingBag(int(frames.inputs.max() + 1) * width, num_phones, mode="sum")
    torch.nn.init.zeros_(model.weight)
    return model


def _logits(model: "nn.Module", frames: _Frames, frame_numbers: "Tensor") -> "Tensor":
    """Compute the logits `m p` of some frames.  frame_numbers: `m`."""
    import torch

    gathered = frames.inputs[frames.rows[frame_numbers] + 1]
    if gathered.ndim == 3:
        return model(gathered.flatten(1))
    num_codes = int(frames.inputs.max()) + 1
    # No bias: every frame has a code, whose own weights say the prior; with one, rare codes fall back to silence.
    return model(gathered + torch.arange(gathered.shape[1]) * num_codes)


def _accuracy(model: "nn.Module", frames: _Frames, part: NDArray[np.integer]) -> float:
    import torch

    with torch.no_grad():
        right = sum(
            int((_logits(model, frames, batch).argmax(dim=1) == frames.targets[batch]).sum())
            for batch in torch.from_numpy(part).split(16 * BATCH_FRAMES)
        )
    return right / len(part)
