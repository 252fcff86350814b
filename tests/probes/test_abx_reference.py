"""ABX beside fastabx, the implementation of ZeroSpeech's, on items and features that are made here.

The figures are those of fastabx 0.9.0 (https://github.com/bootphon/fastabx, Python 3.12, torch 2.15.0, CPU), without
subsampling, for the files that `corpus` makes, vectors and codes `t 1` saved as .npy:

    zerospeech_abx("x.item", "features", speaker="across", distance="angular", frequency=50, max_size_group=None,
                   max_x_across=None, feature_maker=lambda path: torch.from_numpy(np.load(path)), extension=".npy")

with distance="identical" for codes, and speaker="within".
"""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.units import FrameGrid
from vqaudio.probes.abx import AbxOptions, abx_score, item_frames
from vqaudio.probes.items import Item, read_items, write_items

SEED = 3  # no triple of vectors is nearer to a tie than 3e-5: last bits decide nothing
NUM_SPEAKERS, NUM_PHONES, NUM_ITEMS, NUM_FRAMES = 4, 4, 40, 700
ALL = AbxOptions(max_items=10**6, max_speakers=10**6)
FIGURES = {  # are times in steps of 10 ms, what is compared, condition -> error
    (False, "vectors", "within"): 0.13893022574484348,
    (False, "vectors", "across"): 0.14338533456126848,
    (False, "codes", "within"): 0.17040137077371278,
    (False, "codes", "across"): 0.15088782800982395,
    (True, "vectors", "within"): 0.11902729546030362,
    (True, "vectors", "across"): 0.12814480625092983,
    (True, "codes", "within"): 0.132153262073795,
    (True, "codes", "across"): 0.14501437606910864,
}


def corpus(has_steps: bool) -> tuple[dict[str, np.ndarray], list[Item]]:
    """Make features `t 6` of a file for each speaker, in which phones and speakers show, and items of its phones.

    has_steps: times are multiples of 10 ms, so that they fall on centres of frames.  By numpy's old generator, whose
    numbers are the same in all versions.
    """
    random = np.random.RandomState(SEED)
    features, items = {}, []
    for speaker in range(NUM_SPEAKERS):
        vectors, at_s = random.standard_normal((NUM_FRAMES, 6)), 0.1
        for _ in range(NUM_ITEMS):
            phone, before, after = random.randint(NUM_PHONES), random.randint(2), random.randint(2)
            length_s = random.randint(4, 16) / 100 if has_steps else random.uniform(0.04, 0.16)
            onset_s, offset_s = (round(time_s, 4) for time_s in (at_s, at_s + length_s))
            frames = slice(int(onset_s * 50), int(offset_s * 50) + 1)
            vectors[frames, phone] += 1.5
            vectors[frames, 4] += 0.7 * speaker
            names = (f"p{phone}", f"b{before}", f"a{after}", f"s{speaker}")
            items.append(Item(f"spk{speaker}", onset_s, offset_s, *names))
            at_s = offset_s + random.randint(0, 5) / 100
        features[f"spk{speaker}"] = vectors.astype(np.float32)
    return features, items


@pytest.mark.parametrize("has_steps", [False, True])
def test_figures_are_those_of_fastabx(has_steps: bool, tmp_path: Path) -> None:
    features, items = corpus(has_steps)
    write_items(tmp_path / "x.item", items)
    items, grid = read_items(tmp_path / "x.item"), FrameGrid(16_000, 320)
    for what in ("vectors", "codes"):
        values = features if what == "vectors" else {name: v[:, :4].argmax(axis=1) for name, v in features.items()}
        tokens = [item_frames(values[item.file], item, grid) for item in items]
        for condition in ("within", "across"):
            found = abx_score(tokens, items, is_across=condition == "across", options=ALL).error
            assert found == pytest.approx(FIGURES[has_steps, what, condition], abs=1e-6)
