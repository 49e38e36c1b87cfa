"""Parameter groups and the learning rate's course."""

from __future__ import annotations

import pytest
import torch

from training.models.encoder_config import EncoderConfig
from training.objectives.masked_pixels import MaskedPixels
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.optimizer import OptimizerConfig, ScheduleConfig, build_optimizer, learning_rate


def test_only_matrices_decay() -> None:
    with torch.device("meta"):
        model = MaskedPixels(MaskedPixelsConfig(), EncoderConfig())
    groups = build_optimizer(model, OptimizerConfig(weight_decay=0.05)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, plain = ([names[id(parameter)] for parameter in group["params"]] for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.05, 0.0]
    assert sorted(decayed + plain) == sorted(names.values())
    assert {name.split(".")[-1] for name in decayed} == {"weight"}
    assert "encoder.blocks.0.attn.qkv.weight" in decayed
    assert "encoder.patch_embed.proj.weight" in decayed
    for name in (
        "encoder.pos_embed",
        "encoder.cls_token",
        "decoder.mask_token",
        "encoder.blocks.0.norm1.weight",
    ):
        assert name in plain


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
