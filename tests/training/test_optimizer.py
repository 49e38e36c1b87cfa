"""Parameter groups and the learning rate's course."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import HeadConfig, StudentConfig
from training.optimizer import OptimizerConfig, ScheduleConfig, build_optimizer, learning_rate


def test_only_matrices_decay() -> None:
    with torch.device("meta"):
        model = Student(EncoderConfig(), StudentConfig(motion=HeadConfig(width=1408, kind="mlp")))
        model.mask_token = nn.Parameter(torch.empty(1, 1, 384))
    optimizer = build_optimizer(model, OptimizerConfig(weight_decay=0.05))
    groups = optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, plain = ([names[id(parameter)] for parameter in group["params"]] for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.05, 0.0]
    assert sorted(decayed + plain) == sorted(names.values())
    assert {name.split(".")[-1] for name in decayed} == {"weight"}
    assert "blocks.0.attn.qkv.weight" in decayed
    assert "patch_embed.proj.weight" in decayed
    assert "clip_decoder.0.head.weight" in decayed
    for name in (
        "pos_embed",
        "clip_pos_embed",
        "mae_pos_embed",
        "cls_token",
        "mask_token",
        "blocks.0.norm1.weight",
        "blocks.0.ls1.gamma",
        "clip_projector.cross_attn.q_bias",
    ):
        assert name in plain
    assert optimizer.defaults["fused"] is False


def test_frozen_parameters_are_left_out_and_the_rest_is_fused() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    optimizer = build_optimizer(model, OptimizerConfig())
    assert [group["params"] for group in optimizer.param_groups] == [[model[1].weight], [model[1].bias]]
    assert optimizer.defaults["fused"] is True


def test_published_rates_are_scaled_with_the_batch() -> None:
    # InternVideo2's 1B: 1.5e-4 and 1e-5 for 256 clips are 2.4e-3 and 1.6e-4 for 4096.
    published = OptimizerConfig(peak_learning_rate=1.5e-4, rates_per_256_clips=True)
    schedule = ScheduleConfig(warmup_steps=40, final_learning_rate=1e-5)
    factor = published.rate_factor(4096)
    assert factor * learning_rate(40, 300, 1.5e-4, schedule) == pytest.approx(2.4e-3)
    assert factor * learning_rate(300, 300, 1.5e-4, schedule) == pytest.approx(1.6e-4)
    assert OptimizerConfig().rate_factor(4096) == 1


def test_learning_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    schedule = ScheduleConfig(warmup_steps=10, final_learning_rate=0.1)
    rates = [learning_rate(step, 110, 1.1, schedule) for step in range(1, 111)]
    assert rates[0] == pytest.approx(0.11)
    assert rates[9] == pytest.approx(1.1)
    assert rates[59] == pytest.approx(0.6)
    assert rates[109] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_without_warmup_the_first_step_is_near_the_peak() -> None:
    schedule = ScheduleConfig(warmup_steps=0, final_learning_rate=0.0)
    assert learning_rate(1, 100, 1.0, schedule) == pytest.approx(1.0, abs=1e-3)
    assert learning_rate(1, 1, 1.0, schedule) == 0.0
