"""Sizes stand for their numbers, and numbers that do not go together are refused with what would."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from training.models.encoder_config import EncoderConfig


def test_a_size_sets_its_numbers() -> None:
    config = EncoderConfig(size="1B")
    assert (config.width, config.depth, config.heads, config.mlp_width) == (1408, 40, 16, 6144)
    assert config.grid == (8, 16, 16)
    assert config.num_tokens == 2048
    assert EncoderConfig.model_validate(config.model_dump()) == config
    assert EncoderConfig(size="6B", depth=48).heads == 25


def test_a_size_means_the_same_run_as_its_numbers() -> None:
    numbers = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}
    assert EncoderConfig(size="B").semantic() == EncoderConfig.model_validate(numbers).semantic()


def test_a_number_beside_a_size_must_be_its_own() -> None:
    with pytest.raises(ValidationError, match="depth = 11, but size = B means 12"):
        EncoderConfig(size="B", depth=11)
    with pytest.raises(ValidationError, match="size"):
        EncoderConfig.model_validate({"size": "XL"})


def test_numbers_that_do_not_divide_are_refused_with_what_would() -> None:
    with pytest.raises(ValidationError, match=r"size_px = 225 is not a multiple of patch_px = 14.*224"):
        EncoderConfig(size_px=225)
    with pytest.raises(ValidationError, match="width = 100 is not a multiple of 16"):
        EncoderConfig(width=100)
    with pytest.raises(ValidationError, match="width = 384 cannot be shared by heads = 7"):
        EncoderConfig(heads=7)
    with pytest.raises(ValidationError, match="width = 384 cannot be shared by pool_heads = 5"):
        EncoderConfig(pool_heads=5)
    with pytest.raises(ValidationError, match="num_frames = 5 is not a multiple of tubelet_frames = 2"):
        EncoderConfig(num_frames=5, tubelet_frames=2)
