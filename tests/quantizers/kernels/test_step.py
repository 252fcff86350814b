"""The compiled training step does what the steps of torch do, whatever the sizes, the threads and the options."""

import copy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.kernels import step as compiled_step
from vqaudio.quantizers.residual import ResidualQuantizer

NEVER = 2**60


@pytest.fixture
def by(monkeypatch):
    """A training step by torch or by compiled loops, on a copy of the quantizer: all that comes of it."""

    def step(way, quantizer, vectors, mask=None):
        monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", 0 if way == "compiled" else NEVER)
        learner, vectors = copy.deepcopy(quantizer), vectors.clone().requires_grad_()
        torch.manual_seed(1)
        found = learner(vectors, mask)
        (found.vectors.square().sum() + 3 * found.commitment).backward()
        gradients = [vectors.grad, *(parameter.grad for parameter in learner.parameters())]
        return found, gradients, dict(learner.named_buffers())

    return step


def started(num_frames, width, num_codes, **options):
    """A quantizer after two steps by torch, with plain codes that are not each other's neighbours by rounding."""
    quantizer = EmaQuantizer(width, num_codes, kmeans_iterations=1, **options).train()
    for _ in range(2):
        quantizer(torch.randn(max(num_frames, num_codes), width))
    return quantizer


OPTIONS = [
    {},
    {"l2_normalized": True},
    {"projection_width": 3},
    {"rotation_trick": True},
    {"dead_code_threshold": 0.9},
    {"decay": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("sizes", [(1, 1, 2), (33, 7, 24), (700, 64, 100), (1001, 9, 130)])
def test_a_compiled_step_is_the_step_of_torch(by, monkeypatch, away_from_ties, sizes, options):
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", NEVER)
    quantizer = started(*sizes, **options)
    vectors = away_from_ties(quantizer, torch.randn(sizes[0], sizes[1]))
    assert_close(by("compiled", quantizer, vectors), by("torch", quantizer, vectors), atol=2e-5, rtol=2e-5)


def test_a_stack_that_drops_codebooks_takes_the_same_step(by, monkeypatch):
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", NEVER)
    stack = ResidualQuantizer([started(300, 8, 40) for _ in range(3)], dropout=1.0).train()
    vectors = torch.randn(6, 50, 8)
    assert_close(by("compiled", stack, vectors), by("torch", stack, vectors), atol=2e-5, rtol=2e-5)


def test_real_frames_between_padding_take_the_same_step(by, away_from_ties):
    quantizer, mask = started(300, 8, 40), torch.rand(6, 50) < 0.5
    vectors = away_from_ties(quantizer, torch.randn(6, 50, 8))
    assert_close(by("compiled", quantizer, vectors, mask), by("torch", quantizer, vectors, mask), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("num_frames", [1, 4, 31, 33, 515])
def test_a_frame_gets_its_code_whatever_comes_with_it(by, num_frames):
    quantizer, vectors = started(600, 16, 100), torch.randn(600, 16)
    all_codes = by("compiled", quantizer, vectors)[0].codes
    assert torch.equal(by("compiled", quantizer, vectors[:num_frames])[0].codes, all_codes[:num_frames])


def test_the_number_of_threads_changes_no_bit(by):
    quantizer, vectors, before = started(3000, 16, 100), torch.randn(3000, 16), torch.get_num_threads()
    try:
        results = []
        for num_threads in (1, 2, 5):
            torch.set_num_threads(num_threads)
            results.append(by("compiled", quantizer, vectors))
    finally:
        torch.set_num_threads(before)
    assert_close(results[1], results[0], atol=0, rtol=0)
    assert_close(results[2], results[0], atol=0, rtol=0)


def test_several_quantizers_may_learn_at_the_same_time(monkeypatch):
    """Numba's own thread pool ends the process where two threads call it at once."""
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", 0)
    quantizer, batches = started(2000, 16, 100, dead_code_threshold=0.0), torch.randn(20, 2000, 16)

    def learn(_):
        learner = copy.deepcopy(quantizer)
        return [learner(vectors).codes for vectors in batches], learner.codebook.sums

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(learn, range(4)))
    assert_close(results, [learn(0)] * 4, atol=0, rtol=0)


@pytest.mark.parametrize("num_codes", [8, 64, 512])
def test_the_lowest_of_equal_codes_is_taken(by, num_codes):
    quantizer = EmaQuantizer(6, num_codes, kmeans_iterations=0, dead_code_threshold=0.0).train()
    vectors = torch.randn(num_codes // 4, 6)
    quantizer.codebook.sums.copy_(vectors.repeat(4, 1))
    codes = by("compiled", quantizer, vectors.repeat(4, 1))[0].codes
    assert torch.equal(codes.squeeze(1), torch.arange(num_codes // 4).repeat(4))


def test_a_batch_with_numbers_that_are_not_finite_moves_nothing_and_spares_its_neighbours(by):
    quantizer, vectors = started(100, 16, 50), torch.randn(100, 16)
    sound = by("compiled", quantizer, vectors)[0].codes
    vectors[3], vectors[5], vectors[6] = float("nan"), float("inf"), 1e30
    found, _, state = by("compiled", quantizer, vectors)
    is_sound = (vectors.abs() < 10).all(dim=1)
    assert torch.equal(found.codes[is_sound], sound[is_sound])
    assert ((found.codes >= 0) & (found.codes < 50)).all()
    for name in ("codebook.counts", "codebook.sums"):
        assert torch.equal(state[name], quantizer.get_buffer(name))


def test_frames_may_lie_in_memory_in_any_order(by):
    quantizer, vectors = started(100, 16, 50), torch.randn(16, 100).t()
    assert_close(by("compiled", quantizer, vectors), by("compiled", quantizer, vectors.contiguous()), atol=0, rtol=0)


def test_vectors_kept_in_evaluation_follow_a_compiled_step(monkeypatch):
    quantizer, vectors = started(100, 16, 50), torch.randn(100, 16)
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", 0)
    before = quantizer.eval().decode(torch.arange(50).unsqueeze(1))
    quantizer.train()(vectors)
    after = quantizer.eval().decode(torch.arange(50).unsqueeze(1))
    assert not torch.equal(before, after)
    assert_close(after, copy.deepcopy(quantizer.codebook)._derived())


def test_no_tensor_grows_with_frames_times_codes(monkeypatch):
    largest = 0

    class Spy(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for made in out if isinstance(out, (tuple, list)) else [out]:
                largest = max(largest, made.untyped_storage().nbytes() if isinstance(made, torch.Tensor) else 0)
            return out

    quantizer, vectors = started(100, 2, 1024), torch.randn(20_000, 2)
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", 0)
    with Spy():
        quantizer(vectors)
    assert largest == vectors.untyped_storage().nbytes()


def test_little_work_does_not_wait_for_the_compiler(monkeypatch):
    monkeypatch.setattr(compiled_step, "_loops", lambda: pytest.fail("compiled"))
    quantizer = EmaQuantizer(8, 1024, kmeans_iterations=0).train()
    quantizer(torch.randn(100, 8))


def test_without_numba_training_goes_on_and_says_so(by, monkeypatch):
    quantizer, vectors = started(100, 16, 50), torch.randn(100, 16)
    for name in [name for name in sys.modules if name.startswith("vqaudio.quantizers.kernels.")]:
        if not name.endswith(".step"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled_step._loops.cache_clear()
    try:
        with pytest.warns(UserWarning, match="numba.*goes on without compiled loops"):
            found = by("compiled", quantizer, vectors)
        assert_close(found, by("torch", quantizer, vectors), atol=0, rtol=0)
    finally:
        compiled_step._loops.cache_clear()


def test_what_was_compiled_of_other_sources_is_not_used(tmp_path):
    """Numba would: it looks at a function's own file alone, not at those of the functions it calls."""
    from vqaudio.quantizers.kernels.job import Job, sources_digest

    folder = Path(compiled_step.__file__).parent
    assert f"sources_{sources_digest(folder)}" in [name for name, *_ in Job._fields_]
    digests = {sources_digest(folder)}
    for source in folder.glob("*.py"):
        shutil.copytree(folder, tmp_path / source.stem, ignore=shutil.ignore_patterns("__pycache__"))
        with open(tmp_path / source.stem / source.name, "a") as file:
            file.write("# another")
        digests.add(sources_digest(tmp_path / source.stem))
    assert len(digests) == 1 + len(list(folder.glob("*.py")))


def test_without_a_folder_for_what_is_compiled_each_process_compiles_and_says_so(monkeypatch):
    from numba.core import caching

    from vqaudio.quantizers.kernels.job import compiled

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        assert compiled(lambda pointer: None).address


def test_importing_the_quantizers_imports_no_numba():
    program = "import sys, vqaudio.quantizers.residual, vqaudio.quantizers.ema; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
