"""The block computes what InternVideo2's does, in the precision it does it in."""

from __future__ import annotations

import math

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch.nn import functional

from tests.training.models.small import small, video
from training.models.block import Attention
from training.models.encoder import VideoEncoder
from training.models.layers import DropPath, LayerScale, Mlp, RMSNorm


def test_a_norm_is_computed_in_float32_and_weighted_in_the_inputs_precision() -> None:
    norm = RMSNorm(48).bfloat16()
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(5, 7, 48).bfloat16()
    exact = x.float() / (x.float().square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()
    assert torch.equal(norm(x), exact.bfloat16() * norm.weight)


def test_queries_and_keys_are_normalised_over_all_heads_together() -> None:
    torch.manual_seed(0)
    attention = Attention(32, 4, "sdpa")
    for norm in (attention.q_norm, attention.k_norm):
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
    x = torch.randn(2, 5, 32)
    q, k, v = (x @ matrix.T for matrix in attention.qkv.weight.split(32))
    q, k = (
        y / (y.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt() * norm.weight
        for y, norm in ((q, attention.q_norm), (k, attention.k_norm))
    )
    heads = []
    for head in range(4):
        part = slice(8 * head, 8 * head + 8)
        weights = (q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(8)).softmax(dim=-1)
        heads.append(weights @ v[..., part])
    expected = attention.proj(torch.cat(heads, dim=-1))
    torch.testing.assert_close(attention(x), expected)


def test_layer_scale_multiplies_in_float32() -> None:
    scale = LayerScale(64, 1e-5)
    torch.nn.init.uniform_(scale.gamma, 0.9, 1.1)
    x = torch.randn(3, 64).bfloat16()
    assert torch.equal(scale(x), (x.float() * scale.gamma).bfloat16())
    assert not torch.equal(scale(x), x * scale.gamma.bfloat16())


def test_gelu_is_the_one_that_was_asked_for() -> None:
    x = torch.linspace(-3, 3, 64)[:, None].expand(-1, 16)
    for gelu, approximate in (("tanh", "tanh"), ("erf", "none")):
        mlp = Mlp(16, 32, gelu)
        expected = mlp.fc2(functional.gelu(mlp.fc1(x), approximate=approximate))
        assert torch.equal(mlp(x), expected)
    assert not torch.equal(functional.gelu(x), functional.gelu(x, approximate="tanh"))
    used = [b.mlp.approximate for gelu in ("erf", "tanh") for b in VideoEncoder(small(gelu=gelu)).blocks[:1]]
    assert used == ["none", "tanh"]


def test_paths_are_dropped_by_whole_clips_and_only_while_training() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    x = torch.ones(4000, 2, 3)
    rows = drop(x).flatten(1)
    assert rows.unique().tolist() == pytest.approx([0, 4 / 3])
    assert bool((rows == rows[:, :1]).all())
    assert (rows[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(drop.eval()(x), x)


def test_drop_path_rises_linearly_over_the_blocks() -> None:
    model = VideoEncoder(small(depth=5, drop_path=0.4))
    assert [b.drop_path.rate for b in model.blocks] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [b.drop_path.rate for b in VideoEncoder(small(depth=1, drop_path=0.4)).blocks] == [0]


def test_blocks_are_one_graph_for_the_compiler_however_many_they_are() -> None:
    # What the graph is lowered to is the compiler's business, and takes it long.
    torch.manual_seed(0)
    model = VideoEncoder(small(depth=12, drop_path=0.3), pool=False)
    expected = model.eval()(video()).tokens_BLD
    counter = CompileCounter()
    for one in model.blocks:
        one.compile(backend=counter, fullgraph=True)
    torch.testing.assert_close(model(video()).tokens_BLD, expected)
    model.train()(video()).tokens_BLD.sum().backward()
    # One for evaluation; for training one without drop path, and one for all rates of it.
    assert counter.frame_count <= 3
