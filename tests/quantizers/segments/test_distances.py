import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.finite_scalar import FiniteScalarQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.residual import ResidualQuantizer
from vqaudio.quantizers.segments import distances as module
from vqaudio.quantizers.segments.distances import neighbour_distance, quantizer_distances, scaled_distances

MAKERS = {
    "ema": lambda: EmaQuantizer(6, 20, kmeans_iterations=0),
    "projected": lambda: EmaQuantizer(6, 20, projection_width=3, l2_normalized=True, kmeans_iterations=0),
    "gradient": lambda: GradientQuantizer(6, 20),
    "stack": lambda: ResidualQuantizer([EmaQuantizer(6, 20, kmeans_iterations=0) for _ in range(3)]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_least_distance_is_that_to_the_code_of_the_first_codebook(name):
    quantizer = MAKERS[name]().eval()
    vectors = torch.randn(2, 30, 6) * 0.05
    distances = quantizer_distances(quantizer)(vectors)
    assert distances.shape == (2, 30, 20)
    assert torch.equal(distances.argmin(dim=-1), quantizer.encode(vectors, 1)[..., 0])


def test_distances_stay_the_same_when_vectors_and_codes_grow_together():
    codebook, vectors = torch.randn(16, 4), torch.randn(9, 4)
    torch.testing.assert_close(scaled_distances(codebook * 7)(vectors * 7), scaled_distances(codebook)(vectors))


def test_the_scale_is_the_distance_of_neighbours_which_a_few_codes_on_each_other_do_not_move(monkeypatch):
    codebook = torch.arange(40.0)[:, None] * 3
    assert neighbour_distance(codebook) == pytest.approx(9)
    codebook[5] = codebook[6]
    assert neighbour_distance(codebook) == pytest.approx(9)
    monkeypatch.setattr(module, "BLOCK_DISTANCES", 7 * 40)  # in blocks
    assert neighbour_distance(codebook) == pytest.approx(9)


@pytest.mark.parametrize("codebook", [torch.ones(4, 3), torch.ones(1, 3)])
def test_codes_that_do_not_lie_apart_have_no_scale(codebook):
    with pytest.raises(VqaudioError, match="codes that lie apart"):
        scaled_distances(codebook)


def test_a_quantizer_without_a_codebook_of_vectors_is_refused_with_what_to_do():
    with pytest.raises(VqaudioError, match="FiniteScalarQuantizer has not; use a codec"):
        quantizer_distances(FiniteScalarQuantizer(6, (3, 3)))
