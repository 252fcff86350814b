"""Schedules, averages, checkpoints, logbook, health."""

import contextlib
import itertools
import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vqaudio.codec.config import CodecConfig
from vqaudio.core.config import to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.training.averaging import WeightAverage, load_matching_weights
from vqaudio.training.checkpoints import (
    load_checkpoint,
    optimizer_tensors,
    part,
    restore_codec_run,
    restore_optimizer,
    restore_run,
    run_tensors,
    save_checkpoint,
    under,
)
from vqaudio.training.health import health_report, held_out_figures
from vqaudio.training.launch import Launch, clip_gradients, launched, mean_over_processes
from vqaudio.training.learner import warmup_cosine
from vqaudio.training.logbook import Logbook


def test_the_rate_rises_to_one_and_falls_to_the_floor():
    rates = [warmup_cosine(step, num_steps=100, warmup_steps=10, floor=0.1) for step in range(101)]
    assert max(rates) == rates[9] == 1
    assert all(a < b for a, b in itertools.pairwise(rates[:10]))
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.1)
    assert warmup_cosine(100, num_steps=100, warmup_steps=10) == warmup_cosine(900, num_steps=100, warmup_steps=10)
    assert warmup_cosine(100, num_steps=100, warmup_steps=10) == pytest.approx(0.02)
    assert warmup_cosine(10, num_steps=11, warmup_steps=10) == 1
    with pytest.raises(VqaudioError, match="leaves nothing"):
        warmup_cosine(0, num_steps=10, warmup_steps=10)


def test_an_average_forgets_its_start_soon_and_then_moves_by_its_decay():
    """Ten steps of new weights leave less than a thousandth of those it began with; a late step moves it by a tenth."""
    layer = nn.Linear(2, 1)
    nn.init.zeros_(layer.weight)
    average = WeightAverage(layer, decay=0.9)
    nn.init.ones_(layer.weight)
    average.update(layer, step=0)
    torch.testing.assert_close(average.tensors["weight"], torch.full((1, 2), 0.9))
    for step in range(1, 10):
        average.update(layer, step=step)
    assert (average.tensors["weight"] > 0.999).all()
    nn.init.zeros_(layer.weight)
    average.update(layer, step=10_000)
    torch.testing.assert_close(average.tensors["weight"], torch.full((1, 2), 0.9), atol=1e-3, rtol=0)


def test_an_average_of_constant_weights_is_those_weights_and_swaps_back():
    layer = nn.Linear(3, 2)
    average = WeightAverage(layer, decay=0.9)
    kept = layer.weight.detach().clone()
    average.update(layer, step=1_000)
    assert torch.allclose(average.tensors["weight"], kept)
    with torch.no_grad():
        layer.weight.add_(1)
    average.update(layer, step=1_000)
    with contextlib.suppress(KeyboardInterrupt), average.applied(layer):
        assert torch.allclose(layer.weight, kept + 0.1)
        raise KeyboardInterrupt
    assert torch.allclose(layer.weight, kept + 1)


def test_weights_are_taken_where_the_name_is_the_same_and_the_shape_fits_and_nowhere_else():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5))
    source = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 6), nn.Linear(6, 1))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    load_matching_weights(module, source)
    after, given = module.state_dict(), source.state_dict()
    assert all(torch.equal(after[name], given[name]) for name in ("0.weight", "0.bias"))
    assert all(torch.equal(after[name], before[name]) for name in ("1.weight", "1.bias"))


def test_a_network_that_has_grown_gives_what_the_smaller_one_gave_and_its_new_units_can_learn():
    written, read = nn.Conv1d(5, 7, 3), nn.Conv1d(7, 2, 1)
    small = nn.Sequential(nn.Conv1d(3, 4, 3), nn.ELU(), nn.Conv1d(4, 2, 1))
    large = nn.Sequential(written, nn.ELU(), read)
    load_matching_weights(large, small)
    x = torch.randn(2, 5, 9)
    assert torch.allclose(large(x), small(x[:, :3]), atol=1e-6)
    assert written.weight[4:].abs().min() > 0  # of the fresh units: at zero they would all stay the same
    large(x).square().sum().backward()
    assert read.weight.grad is not None
    assert read.weight.grad[:, 4:].abs().min() > 0


def test_a_source_of_which_nothing_fits_is_refused():
    with pytest.raises(VqaudioError, match="no weight"):
        load_matching_weights(nn.Linear(3, 2), nn.Linear(4, 5))


def test_a_checkpoint_gives_back_what_it_took(tmp_path):
    tensors = {"a": torch.arange(3), "b": torch.randn(2, 2).t()}
    save_checkpoint(tmp_path / "c.safetensors", under("x", tensors), {"step": 7})
    back, facts = load_checkpoint(tmp_path / "c.safetensors")
    assert facts == {"step": 7}
    assert all(torch.equal(value, tensors[name]) for name, value in part("x", back).items())
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_what_is_not_a_checkpoint_is_refused_in_words(tmp_path):
    (tmp_path / "c.safetensors").write_bytes(b"junk")
    with pytest.raises(VqaudioError, match="cannot be read as a checkpoint"):
        load_checkpoint(tmp_path / "c.safetensors")


def test_a_restored_optimiser_takes_the_same_next_step():
    def stepped(layer, optimizer):
        optimizer.zero_grad()
        layer(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()

    torch.manual_seed(0)
    layers = [nn.Linear(3, 2) for _ in range(2)]
    optimizers = [torch.optim.AdamW(layer.parameters(), lr=0.1) for layer in layers]
    stepped(layers[0], optimizers[0])
    layers[1].load_state_dict(layers[0].state_dict())
    restore_optimizer(optimizers[1], optimizer_tensors(optimizers[0]))
    for layer, optimizer in zip(layers, optimizers, strict=True):
        stepped(layer, optimizer)
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_clipping_bounds_the_norm_and_reports_the_one_before():
    layer = nn.Linear(4, 4)
    layer(torch.full((1, 4), 100.0)).sum().backward()
    before = clip_gradients(layer, 1.0)
    after = torch.cat([p.grad.flatten() for p in layer.parameters() if p.grad is not None]).norm()
    assert before > 100
    assert after == pytest.approx(1.0, rel=1e-4)


def test_a_missing_gpu_is_said_in_words():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(VqaudioError, match="sees no GPU"), launched("cuda"):
        pass


def test_the_logbook_writes_one_line_per_report(tmp_path, capsys):
    with Logbook(tmp_path, num_steps=10) as logbook:
        logbook.report(5, "train", {"loss": 0.25, "usage": [0.5, 1.0]})
        logbook.warn(5, "codebook 0 sleeps")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["train", "warning"]
    assert (lines[0]["step"], lines[0]["loss"], lines[0]["usage"]) == (5, 0.25, [0.5, 1.0])
    assert "codebook 0 sleeps" in capsys.readouterr().err


def test_health_warns_of_a_collapsed_codebook_and_not_of_a_live_one():
    torch.manual_seed(0)
    dead, alive = EmaQuantizer(2, 16, dead_code_threshold=0), EmaQuantizer(2, 16)
    dead.train()(torch.ones(400, 2))
    alive.train()(torch.randn(400, 2))
    figures, warnings = health_report(dead)
    assert figures["usage"][0] < 0.5
    assert any("dead" in warning for warning in warnings)
    figures, warnings = health_report(alive)
    assert figures["usage"] == [1.0]
    assert warnings == []


def test_held_out_figures_compare_the_codes_of_decoded_speech_with_those_of_the_recording():
    """A codec of signs whose decoder turns two of eight samples round for each codebook."""

    def decode(codes, length, embeddings, pitch):
        assert pitch == "its pitch"
        return torch.cat([-1.0 * codes[:, :1, : 2 * codes.shape[1]], 1.0 * codes[:, :1, 2 * codes.shape[1] :]], dim=-1)

    codec: Any = SimpleNamespace(
        num_codebooks=2,
        encode=lambda audio, lengths: audio.sign().long().repeat(1, 2, 1),
        decode=decode,
        speaker_embeddings=lambda audio, speakers, lengths: None,
        own_pitch=lambda audio, lengths: "its pitch",
    )
    figures = held_out_figures(codec, nn.L1Loss(), torch.randn(3, 1, 8).sign(), None, None)
    assert figures == {"mel_1": 0.5, "mel_2": 1.0, "same_first_codes": 0.5}


@pytest.mark.parametrize(("precision", "is_half"), [("auto", False), ("float32", False), ("bfloat16", True)])
def test_a_cpu_computes_in_float32_unless_it_is_told_otherwise(precision, is_half):
    product = torch.ones(2, 2)
    with Launch(torch.device("cpu")).autocast(precision):
        assert ((product @ product).dtype == torch.bfloat16) is is_half
    with pytest.raises(VqaudioError, match="precision is 'half'; wanted auto"):
        Launch(torch.device("cpu")).autocast("half")


def test_the_first_of_all_processes_writes():
    assert [Launch(torch.device("cpu"), rank, 3).is_main for rank in range(3)] == [True, False, False]
    with launched("cpu") as launch:
        assert (launch.device.type, launch.rank, launch.world_size) == ("cpu", 0, 1)
    value = torch.ones(2, requires_grad=True)
    assert not mean_over_processes(value).requires_grad


def test_a_run_goes_on_with_its_weights_its_moments_its_averages_and_its_random_numbers():
    def parts(seed):
        torch.manual_seed(seed)
        layer = nn.Linear(2, 2)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return {"codec": layer, "optimizer": optimizer, "average": {"weight": layer.weight.detach().clone() + 1}}

    first, second = parts(0), parts(1)
    tensors = run_tensors(first)
    drawn = torch.rand(3)
    held, new = second["average"]["weight"], nn.Linear(1, 1)
    before = new.weight.detach().clone()
    restore_run({**second, "codec2": new}, tensors)
    assert torch.equal(torch.rand(3), drawn)
    assert torch.equal(second["codec"].weight, first["codec"].weight)
    assert torch.equal(held, first["average"]["weight"])  # in its place
    moments = [optimizer_tensors(one["optimizer"])["0/exp_avg"] for one in (first, second)]
    assert torch.equal(*moments)
    assert torch.equal(new.weight, before)  # a part that the checkpoint has not


def test_parts_are_told_apart_by_their_whole_name():
    tensors = {"codec/a": torch.ones(1), "codec2/a": torch.zeros(1), "codec": torch.zeros(1)}
    assert list(part("codec", tensors)) == ["a"]


def test_a_run_goes_on_only_with_its_own_codec(tmp_path):
    path, config = tmp_path / "c.safetensors", CodecConfig()
    facts = {"step": 7, "config": {"codec": to_mapping(config)}}
    save_checkpoint(path, under("x", {"a": torch.ones(1)}) | run_tensors({}), facts)
    assert restore_codec_run(path, {}, config) == 7
    with pytest.raises(VqaudioError, match="a codec of another shape"):
        restore_codec_run(path, {}, CodecConfig(latent_width=32))
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(VqaudioError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_a_checkpoint_takes_tensors_that_share_their_memory(tmp_path):
    whole = torch.arange(4)
    save_checkpoint(tmp_path / "c.safetensors", {"a": whole, "b": whole[1:]}, {})
    assert load_checkpoint(tmp_path / "c.safetensors")[0]["b"].tolist() == [1, 2, 3]


def test_a_logbook_goes_on_where_it_was_and_its_rate_is_that_of_this_run(tmp_path, monkeypatch):
    now_s = 50.0
    monkeypatch.setattr("vqaudio.training.logbook.time.monotonic", lambda: now_s)
    for first_step in (0, 100):
        with Logbook(tmp_path, num_steps=200, first_step=first_step) as logbook:
            now_s += 2.0
            logbook.report(first_step + 10, "eval", {"loss": 1.0})
            lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
            assert lines[-1] == {"step": first_step + 10, "event": "eval", "steps_per_s": 5.0, "loss": 1.0}
    assert len(lines) == 2
    with pytest.raises(ValueError, match="closed file"):
        logbook.report(1, "train", {})


def test_only_the_main_process_keeps_a_log(tmp_path, capsys):
    with Logbook(tmp_path / "other", num_steps=10, is_active=False) as logbook:
        logbook.report(5, "train", {"loss": 0.25})
        logbook.warn(5, "odd")
        logbook.advance(5)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_health_is_that_since_the_last_report():
    quantizer = EmaQuantizer(2, 16)
    quantizer.train()(torch.randn(400, 2))
    assert health_report(quantizer)[0] != {}
    assert health_report(quantizer) == ({}, [])


@pytest.mark.parametrize(
    ("usage", "top_share", "num_warnings"), [(0.5, 0.25, 0), (0.49, 0.25, 1), (0.5, 0.26, 1), (0.4, 0.3, 2)]
)
def test_warnings_begin_below_half_of_the_codes_and_above_a_quarter_of_the_frames(usage, top_share, num_warnings):
    book = SimpleNamespace(num_frames=9, usage=usage, perplexity=3.14, num_dead=2, top_share=top_share)
    silent = SimpleNamespace(num_frames=0, usage=0.0, perplexity=0.0, num_dead=9, top_share=1.0)
    quantizer: Any = SimpleNamespace(statistics=lambda: [book, silent], reset_statistics=lambda: None)
    figures, warnings = health_report(quantizer)
    assert figures == {"usage": [usage], "perplexity": [3.1], "dead_codes": [2], "top_share": [top_share]}
    assert len(warnings) == num_warnings


def test_held_out_speech_is_encoded_again_with_its_lengths():
    heard = []

    def encode(audio, lengths):
        heard.append(lengths)
        return torch.stack([audio[:, 0].sign(), audio[:, 0] * 0 + len(heard)], dim=1).long()

    codec: Any = SimpleNamespace(
        num_codebooks=2,
        encode=encode,
        decode=lambda codes, length, embeddings, pitch: codes[:, :1].float(),
        speaker_embeddings=lambda audio, speakers, lengths: None,
        own_pitch=lambda audio, lengths: None,
    )
    lengths = torch.tensor([8, 5, 8])
    figures = held_out_figures(codec, nn.L1Loss(), torch.randn(3, 1, 8).sign(), None, lengths)
    assert heard == [lengths, lengths]
    assert figures["same_first_codes"] == 1.0  # whatever the second codebook says
