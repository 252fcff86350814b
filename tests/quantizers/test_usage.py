"""Usage and perplexity of known distributions."""

import math

import torch

from vqaudio.quantizers.usage import CodebookUsage, UsageWindow


def test_even_use_has_the_perplexity_of_its_size():
    usage = CodebookUsage.from_counts(torch.full((16,), 3))
    assert math.isclose(usage.perplexity, 16)
    assert (usage.num_frames, usage.usage, usage.num_dead, usage.top_share) == (48, 1.0, 0, 1 / 16)


def test_a_collapsed_codebook_has_perplexity_one():
    counts = torch.zeros(16)
    counts[3] = 9
    usage = CodebookUsage.from_counts(counts)
    assert (usage.perplexity, usage.usage, usage.num_dead, usage.top_share) == (1.0, 1 / 16, 15, 1.0)


def test_a_code_that_occurred_once_is_not_dead():
    usage = CodebookUsage.from_counts(torch.tensor([1, 7, 0, 0]))
    assert (usage.usage, usage.num_dead, usage.top_share) == (0.5, 2, 7 / 8)


def test_an_unused_codebook_is_all_dead():
    assert CodebookUsage.from_counts(torch.zeros(4)) == CodebookUsage(0, 0.0, 0.0, 4, 0.0)


def test_a_window_holds_what_came_since_its_reset_and_is_not_saved():
    window = UsageWindow(4)
    window.add(torch.tensor([5.0, 0.0, 0.0, 0.0]))
    window.reset()
    window.add(torch.tensor([0.0, 1.0, 1.0, 0.0]))
    window.add(torch.tensor([0.0, 1.0, 1.0, 0.0]))
    assert window.usage() == CodebookUsage(4, 0.5, 2.0, 2, 0.5)
    assert not window.state_dict()


def test_a_window_counts_more_frames_than_float32_can():
    window = UsageWindow(2)
    window.counts.fill_(2**24)
    window.add(torch.ones(2))
    assert window.usage().num_frames == 2**25 + 2
