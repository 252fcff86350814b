"""Clusters that follow what changes from sound to sound, not what stays from voice to voice."""

import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.training.discovery import SpectralClusters, discriminants

NUM_BANDS, NUM_SOUNDS, SOUND_STEPS = 40, 6, 10


def voices(num_utterances=12, num_sounds=60, noise=0.8, seed=0):
    """Utterances `m t` of sounds that last 100 ms, each voice with a spectrum of its own on top; and the sounds `t`."""
    torch.manual_seed(seed)
    place = torch.linspace(0, torch.pi, NUM_BANDS)[:, None]
    shapes = torch.cos(place * torch.arange(1, NUM_SOUNDS + 1))  # `m s`
    utterances, labels = [], []
    for _ in range(num_utterances):
        sounds = torch.randint(NUM_SOUNDS, (num_sounds,)).repeat_interleave(SOUND_STEPS)
        voice = 3 * torch.randn(1) * torch.cos(place * 8) + torch.randn(1) * torch.cos(place * 9)
        utterances.append(shapes[:, sounds] + voice + noise * torch.randn(NUM_BANDS, len(sounds)))
        labels.append(sounds[1::2])
    return utterances, labels


def purity(clusters, labels, num_clusters):
    table = torch.zeros(num_clusters, NUM_SOUNDS).index_put_((clusters, labels), torch.tensor(1.0), accumulate=True)
    return float(table.max(dim=1).values.sum() / table.sum())


@pytest.fixture(scope="module")
def fitted():
    utterances, labels = voices()
    clusters = SpectralClusters(12, width=8)
    clusters.fit(utterances)
    return clusters, utterances, labels


def test_clusters_are_sounds_whatever_the_voice(fitted):
    clusters, _, _ = fitted
    utterances, labels = voices(num_utterances=4, seed=1)
    found = torch.cat([clusters(one[None])[0] for one in utterances])
    assert purity(found, torch.cat(labels), 12) > 0.9


def test_rounds_of_discriminants_find_purer_clusters_in_noise_than_one_round():
    utterances, labels = voices(noise=4.0)
    purities = []
    for num_rounds in (1, 4):
        clusters = SpectralClusters(12, width=8)
        clusters.fit(utterances, num_rounds=num_rounds, num_warped_rounds=0)
        found = torch.cat([clusters(one[None])[0] for one in utterances])
        purities.append(purity(found, torch.cat(labels), 12))
    assert purities[0] + 0.02 < purities[1]


def test_the_same_seed_finds_the_same_clusters(fitted):
    clusters, utterances, _ = fitted
    again = SpectralClusters(12, width=8)
    again.fit(utterances)
    for name, value in clusters.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_the_level_and_a_filter_of_a_recording_change_no_cluster(fitted):
    clusters, utterances, _ = fitted
    filtered = utterances[0] + torch.randn(NUM_BANDS, 1)
    assert (clusters(filtered[None]) == clusters(utterances[0][None])).float().mean() > 0.97


def test_padding_changes_no_cluster_but_those_whose_context_it_is(fitted):
    clusters, utterances, _ = fitted
    short = utterances[0][:, :300]
    padded = torch.cat([short, torch.full((NUM_BANDS, 100), -3.0)], dim=1)
    batch = torch.stack([padded, utterances[1][:, :400]])
    found = clusters(batch, torch.tensor([300, 400]))
    assert torch.equal(found[0, :140], clusters(short[None])[0, :140])


def test_discriminants_bring_the_spread_inside_classes_to_one_and_find_the_direction_that_tells_them_apart():
    torch.manual_seed(0)
    classes = torch.randint(2, (4000,))
    points = torch.randn(4000, 3) * torch.tensor([10.0, 1.0, 1.0])
    points[:, 2] += 4.0 * classes  # a small direction that tells, a large one that does not
    _, projection = discriminants(points, classes, 2, 1)
    direction = projection[:, 0] / projection[:, 0].norm()
    assert abs(direction[2]) > 0.99
    within = torch.cat([(points[classes == one] @ projection).var(dim=0) for one in (0, 1)])
    torch.testing.assert_close(within, torch.ones(2), rtol=0.05, atol=0)


def test_fewer_frames_than_clusters_are_refused():
    with pytest.raises(VqaudioError, match="5 frames cannot make 12 clusters"):
        SpectralClusters(12, width=8).fit([torch.randn(NUM_BANDS, 10)])
