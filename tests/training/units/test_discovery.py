"""Clusters that follow what changes from sound to sound, not what stays from voice to voice."""

import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.encoder import Encoder
from vqaudio.nn.stem import SpectralStem, StemOutput
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.training.units.discovery import PhoneClusters, discriminants
from vqaudio.training.units.frame_features import LatentFeatures, SpectralFeatures
from vqaudio.training.units.pauses import loudness

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


def spectral(num_rounds=4):
    return PhoneClusters(12, SpectralFeatures(2, num_rounds), width=8)


def heard(*utterances):
    """As loud everywhere, so that nothing is a pause."""
    features = torch.stack(utterances)
    return StemOutput(features, -loudness(StemOutput(features, None)))


def found_in(clusters, utterances):
    return torch.cat([clusters(heard(one))[0] for one in utterances])


def purity(clusters, labels, num_clusters):
    table = torch.zeros(num_clusters, NUM_SOUNDS).index_put_((clusters, labels), torch.tensor(1.0), accumulate=True)
    return float(table.max(dim=1).values.sum() / table.sum())


@pytest.fixture(scope="module")
def fitted():
    utterances, labels = voices()
    clusters = spectral()
    clusters.fit([heard(one) for one in utterances])
    return clusters, utterances, labels


def test_clusters_are_sounds_whatever_the_voice(fitted):
    clusters, _, _ = fitted
    utterances, labels = voices(num_utterances=4, seed=1)
    found = found_in(clusters, utterances)
    assert purity(found, torch.cat(labels), 13) > 0.9


def test_rounds_of_discriminants_find_purer_clusters_in_noise_than_one_round():
    utterances, labels = voices(num_utterances=24, noise=3.0)
    purities = []
    for num_rounds in (1, 4):
        clusters = spectral(num_rounds)
        clusters.fit([heard(one) for one in utterances], num_adapted_rounds=0)
        found = found_in(clusters, utterances)
        purities.append(purity(found, torch.cat(labels), 13))
    assert purities[0] + 0.1 < purities[1]


def test_voices_that_bend_the_spectrum_are_brought_to_the_clusters(monkeypatch):
    utterances, labels = voices(num_utterances=24, num_sounds=200)
    mixing = torch.eye(NUM_BANDS) + 2 * torch.randn(24, NUM_BANDS, NUM_BANDS) / NUM_BANDS**0.5
    utterances = [mix @ one for mix, one in zip(mixing, utterances, strict=True)]
    purities = []
    for _ in range(2):
        clusters = spectral()
        clusters.fit([heard(one) for one in utterances])
        purities.append(purity(found_in(clusters, utterances), torch.cat(labels), 13))
        monkeypatch.setattr("vqaudio.training.units.discovery.adapt_affine", lambda points, is_speech, centres: points)
    assert purities[0] > purities[1] + 0.02


def test_pauses_are_a_class_of_their_own(fitted):
    clusters, utterances, _ = fitted
    features = utterances[0][:, :400].clone()
    levels = -loudness(StemOutput(features[None], None))
    levels[:, 200:240] -= 2
    found = clusters(StemOutput(features[None], levels))[0]
    assert (found[103:117] == 12).all()
    assert (found[:95] < 12).all()
    assert (found[125:] < 12).all()


def test_the_same_seed_finds_the_same_clusters(fitted):
    clusters, utterances, _ = fitted
    again = spectral()
    again.fit([heard(one) for one in utterances])
    for name, value in clusters.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_the_level_and_a_filter_of_a_recording_change_no_cluster(fitted):
    clusters, utterances, _ = fitted
    filtered = utterances[0] + torch.randn(NUM_BANDS, 1)
    assert (clusters(heard(filtered)) == clusters(heard(utterances[0]))).float().mean() > 0.97


def test_padding_changes_no_cluster_but_those_whose_context_it_is(fitted):
    clusters, utterances, _ = fitted
    short = utterances[0][:, :300]
    padded = torch.cat([short, torch.full((NUM_BANDS, 100), -3.0)], dim=1)
    batch = heard(padded, utterances[1][:, :400])
    found = clusters(batch, torch.tensor([300, 400]))
    assert (found[0, :140] == clusters(heard(short))[0, :140]).float().mean() > 0.95  # its map hears of the edge


def test_discriminants_bring_the_spread_inside_classes_to_one_and_find_the_direction_that_tells_them_apart():
    torch.manual_seed(0)
    classes = torch.randint(2, (4000,))
    points = torch.randn(4000, 3) * torch.tensor([10.0, 1.0, 1.0])
    points[:, 2] += 4.0 * classes  # a small direction that tells, a large one that does not
    _, projection = discriminants(points, classes, 1)
    direction = projection[:, 0] / projection[:, 0].norm()
    assert abs(direction[2]) > 0.99
    within = torch.cat([(points[classes == one] @ projection).var(dim=0) for one in (0, 1)])
    torch.testing.assert_close(within, torch.ones(2), rtol=0.05, atol=0)


def test_fewer_frames_than_clusters_are_refused():
    with pytest.raises(VqaudioError, match="5 frames cannot make 12 clusters"):
        spectral().fit([heard(torch.randn(NUM_BANDS, 10))])


class Mixed(Encoder):
    """Latents are fixed mixtures of the bands of every second step."""

    def __init__(self):
        super().__init__(widths=(2,), strides=(2,), dilations=((),), latent_width=8)
        torch.manual_seed(0)
        self.mixing = torch.randn(8, NUM_BANDS) / NUM_BANDS**0.5

    def vectors_of(self, features):
        return torch.einsum("dm,bmt->bdt", self.mixing, features[..., 1::2])


def test_latents_are_smoothed_over_three_frames_and_their_codes_are_the_first_classes():
    quantizer = EmaQuantizer(8, 6, kmeans_iterations=0).eval()
    views = LatentFeatures(Mixed(), quantizer)
    features = torch.randn(2, NUM_BANDS, 40)
    seen = views(features, torch.ones(2, 40, dtype=torch.bool))
    latents = Mixed().vectors_of(features).transpose(1, 2)
    wanted = 0.25 * latents[:, :-2] + 0.5 * latents[:, 1:-1] + 0.25 * latents[:, 2:]
    torch.testing.assert_close(seen[:, 1:-1], wanted)
    flat = seen.flatten(0, 1)
    distances = torch.cdist(flat, quantizer.codebook.vectors)
    found = distances.gather(1, views.first_classes(flat, 12)[:, None])[:, 0]
    torch.testing.assert_close(found, distances.amin(dim=1), rtol=1e-4, atol=0)


def test_frames_of_a_real_encoder_with_lookahead_are_in_time_with_their_pauses():
    torch.manual_seed(0)
    sizes = {"widths": (16, 16), "strides": (160, 2), "dilations": ((), (1,)), "latent_width": 8, "lookahead_frames": 3}
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=NUM_BANDS, has_level_split=True)
    views = LatentFeatures(Encoder(**sizes, stem=stem, stem_bands=NUM_BANDS), EmaQuantizer(8, 4, kmeans_iterations=0))
    audio = torch.randn(1, 1, 160 * 300)
    audio[..., 160 * 150 : 160 * 200] *= 1e-3
    clusters = PhoneClusters(3, views, width=4)
    clusters.fit([stem(audio)])
    found = clusters(stem(audio))[0]
    assert len(found) == 150
    assert (found[79:97] == 3).all()
    assert (found[:72] < 3).all()


def test_clusters_of_latents_are_purer_than_the_codes_that_they_start_from():
    utterances, labels = voices(num_utterances=24, num_sounds=300)
    quantizer = EmaQuantizer(8, NUM_SOUNDS, kmeans_iterations=0).eval()
    views = LatentFeatures(Mixed(), quantizer)
    real = torch.ones(1, utterances[0].shape[1], dtype=torch.bool)
    seen, sounds = torch.cat([views(one[None], real)[0] for one in utterances]), torch.cat(labels)
    quantizer.codebook.counts.fill_(1)
    quantizer.codebook.sums.copy_(torch.stack([seen[sounds == one].mean(dim=0) for one in range(NUM_SOUNDS)]))
    clusters = PhoneClusters(12, views, width=8)
    clusters.fit([heard(one) for one in utterances])
    before, after = purity(quantizer.nearest(seen), sounds, 13), purity(found_in(clusters, utterances), sounds, 13)
    assert after > before + 0.1
