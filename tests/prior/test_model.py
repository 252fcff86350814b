import torch

from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.model import Prior, new_cache


def test_a_token_sees_what_came_before_it_and_nothing_later(prior):
    tokens = torch.randint(0, 8, (2, 12), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 8
    before, after = prior(tokens), prior(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert (before[:, 7:] - after[:, 7:]).abs().amax(dim=(0, 2)).min() > 1e-4


def test_a_packed_document_reads_as_if_it_stood_alone(prior):
    generator = torch.Generator().manual_seed(2)
    first, second = torch.randint(0, 8, (1, 5), generator=generator), torch.randint(0, 8, (1, 7), generator=generator)
    documents = torch.tensor([[0] * 5 + [1] * 7])
    packed = prior(torch.cat([first, second], dim=1), documents)
    torch.testing.assert_close(packed[:, :5], prior(first), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(packed[:, 5:], prior(second), rtol=1e-4, atol=1e-4)


def test_a_cache_gives_what_reading_everything_again_gives(prior):
    tokens = torch.randint(0, 8, (3, 9), generator=torch.Generator().manual_seed(3))
    cache = new_cache()
    parts = [prior(part, cache=cache) for part in tokens.split([4, 1, 1, 3], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), prior(tokens), rtol=1e-4, atol=1e-4)


def test_dropout_works_in_training_in_every_layer_and_never_else(make_prior, languages):
    prior = make_prior(languages["single"], dropout=0.5)
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    assert torch.equal(prior(tokens), prior(tokens))
    heard = []
    prior.dropout.register_forward_hook(lambda _module, _inputs, output: heard.append((output == 0).float().mean()))
    for layer in prior.network.model.layers:
        for part in (layer.self_attn.o_proj, layer.mlp.down_proj):
            part.register_forward_hook(lambda _module, _inputs, output: heard.append((output == 0).float().mean()))
    prior.train()(tokens)
    assert len(heard) == 5
    assert all(0.2 < share < 0.8 for share in heard)


def test_one_table_serves_both_ends_if_it_is_tied(make_prior, languages):
    tied, free = (make_prior(languages["single"], is_tied=is_tied) for is_tied in (True, False))
    assert free.num_parameters - tied.num_parameters == tied.network.lm_head.weight.numel()


def test_logits_are_float32_whatever_the_weights_are(make_prior, languages):
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    assert make_prior(languages["single"]).to(torch.bfloat16)(tokens).dtype == torch.float32


def test_fresh_weights_are_small_and_the_network_is_as_large_as_its_configuration(languages):
    config = NetworkConfig(width=32, num_layers=2, num_heads=2, hidden=48, context_tokens=24)
    prior = Prior(config, languages["single"])
    assert 0.015 < float(prior.network.model.embed_tokens.weight.detach().std()) < 0.025
    shape, vocabulary = prior.network.config, languages["single"].vocabulary
    sizes = (shape.hidden_size, shape.intermediate_size, shape.num_hidden_layers, shape.num_attention_heads)
    assert (*sizes, shape.max_position_embeddings, shape.vocab_size) == (32, 48, 2, 2, 24, vocabulary.size)
    ends = (shape.bos_token_id, shape.eos_token_id, shape.pad_token_id)
    assert ends == tuple(vocabulary.special(name) for name in ("<|bos|>", "<|eos|>", "<|pad|>"))
