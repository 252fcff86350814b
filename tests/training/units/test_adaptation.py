"""One affine map for each recording brings it to the centres, and only as far as the recording has evidence."""

import torch

from vqaudio.training.units.adaptation import adapt_affine

NUM_CENTRES, WIDTH = 12, 4


def recordings(num_frames, bend=0.1, shift=1.0, noise=0.3, num=6, seed=0):
    """Points `b t d` about centres, each recording bent and shifted by itself; their centres' numbers; the centres."""
    torch.manual_seed(seed)
    centres = 4 * torch.randn(NUM_CENTRES, WIDTH)
    numbers = torch.randint(NUM_CENTRES, (num, num_frames))
    points = centres[numbers] + noise * torch.randn(num, num_frames, WIDTH)
    maps = torch.eye(WIDTH) + bend * torch.randn(num, WIDTH, WIDTH)
    return points @ maps + shift * torch.randn(num, 1, WIDTH), numbers, centres


def error(points, numbers, centres):
    return float((points - centres[numbers]).square().mean())


def test_a_recording_that_says_much_is_brought_to_its_centres():
    points, numbers, centres = recordings(5000)
    moved = adapt_affine(points, torch.ones(points.shape[:2], dtype=torch.bool), centres)
    assert error(points, numbers, centres) > 1
    assert error(moved, numbers, centres) < 1.1 * 0.3**2  # the noise


def test_points_are_not_drawn_together():
    points, _, centres = recordings(20_000, bend=0, shift=0, noise=1.5)
    moved = adapt_affine(points, torch.ones(points.shape[:2], dtype=torch.bool), centres)
    torch.testing.assert_close(moved.var(dim=1), points.var(dim=1), rtol=0.1, atol=0)


def test_a_short_recording_is_left_nearly_where_it_was():
    points, _, centres = recordings(5)
    moved = adapt_affine(points, torch.ones(points.shape[:2], dtype=torch.bool), centres)
    assert float((moved - points).norm() / points.norm()) < 0.2


def test_points_that_do_not_count_move_along_and_decide_nothing():
    points, _, centres = recordings(400)
    is_counted = torch.arange(400) < torch.full((len(points), 1), 300)
    moved = adapt_affine(points, is_counted, centres)
    points[:, 300:] = torch.randn(len(points), 100, WIDTH)
    again = adapt_affine(points, is_counted, centres)
    torch.testing.assert_close(again[:, :300], moved[:, :300])
    assert not torch.allclose(again[:, 300:], points[:, 300:], atol=1e-3)


def test_each_recording_is_moved_by_itself():
    points, _, centres = recordings(300)
    counted = torch.ones(points.shape[:2], dtype=torch.bool)
    alone = adapt_affine(points[2:3], counted[2:3], centres)
    torch.testing.assert_close(adapt_affine(points, counted, centres)[2:3], alone, rtol=1e-4, atol=1e-4)
