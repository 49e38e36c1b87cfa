"""The loss is what it says, falls when there is something to learn, and only then."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from training.models.encoder_config import EncoderConfig
from training.models.patch_embed import PatchEmbed
from training.models.pixel_decoder_config import PixelDecoderConfig
from training.objectives.masked_pixels import MaskedPixels, masked_mse, pixel_targets
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.randomness import Draw
from training.views.augmentation_config import AugmentationConfig


def test_targets_are_patches_at_mean_0_and_variance_1_per_colour() -> None:
    video = torch.rand(2, 3, 4, 16, 24)
    targets = pixel_targets(video, tubelet_frames=2, patch_px=8)
    assert targets.shape == (2, 2 * 2 * 3, 3 * 2 * 8 * 8)
    # Patch 9 is slot 1, row 1, column 0.
    patch = video[1, :, 2:4, 8:16, 0:8].double().reshape(3, -1).numpy()
    expected = (patch - patch.mean(axis=1, keepdims=True)) / patch.std(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(targets[1, 9].view(3, -1).numpy(), expected, atol=1e-3)


def test_targets_are_in_the_order_of_the_encoders_patches() -> None:
    config = EncoderConfig(num_frames=4, size_px=32, patch_px=8, tubelet_frames=2, width=16, heads=1)
    embed = PatchEmbed(config)
    video = torch.zeros(1, 3, 4, 32, 32)
    video[0, :, 2:4, 16:24, 8:16] = torch.rand(3, 2, 8, 8)
    tokens = embed(video)[0]
    moved = (tokens - tokens[0]).abs().sum(dim=-1) > 1e-6
    assert moved.nonzero().flatten().tolist() == [25]
    assert pixel_targets(video, 2, 8)[0].any(dim=-1).nonzero().flatten().tolist() == [25]


def test_a_flat_patch_is_finite() -> None:
    assert not pixel_targets(torch.full((1, 3, 2, 8, 8), 0.3), 2, 8).abs().max() > 0.01


def test_loss_of_zeros_is_one_and_of_the_truth_zero() -> None:
    targets = pixel_targets(torch.rand(2, 3, 4, 32, 32), 2, 8)
    assert masked_mse(targets, targets).item() == 0
    assert masked_mse(torch.zeros_like(targets), targets).item() == pytest.approx(1, abs=0.02)


ENCODER = EncoderConfig(
    num_frames=4,
    size_px=32,
    patch_px=8,
    tubelet_frames=2,
    width=96,
    depth=2,
    heads=3,
    mlp_width=192,
    layer_scale_init=1.0,
)
CONFIG = MaskedPixelsConfig(mask_ratio=0.5, decoder=PixelDecoderConfig(width=64, depth=1, heads=2))


def objective(**augmentation: object) -> MaskedPixels:
    torch.manual_seed(0)
    crops = AugmentationConfig.model_validate(augmentation)
    return MaskedPixels(CONFIG, ENCODER, crops, torch.device("cpu"))


def shaded_clips(step: int, size: int) -> tuple[torch.Tensor, list[Draw]]:
    """Planes of random slope that brighten or darken: each patch tells the slope of all others."""
    rows, columns = np.mgrid[0:32, 0:32] - 15.5
    random = np.random.Generator(np.random.Philox(key=step))
    slopes = random.uniform(-3, 3, size=(size, 1, 3, 2))
    change = random.uniform(-9, 9, size=(size, 1, 3)) * np.arange(4)[None, :, None]
    planes = slopes[..., 0, None, None] * rows + slopes[..., 1, None, None] * columns
    video = 128 + planes + change[..., None, None]
    frames = video.clip(0, 255).astype(np.uint8).transpose(0, 1, 3, 4, 2)
    draws = [Draw(0, step, f"plane{row}") for row in range(size)]
    return torch.from_numpy(np.ascontiguousarray(frames)), draws


def test_what_is_shown_and_what_is_guessed_are_all_patches() -> None:
    video, draws = shaded_clips(0, 3)
    prepared = objective(crop_scales=[1.0], flip_probability=0, views_per_clip=2).prepare(video, draws)
    assert prepared.video_BCTHW.shape == (6, 3, 4, 32, 32)
    everything = torch.cat([prepared.visible_BK, prepared.hidden_BM], dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(32).expand(6, -1))
    whole = pixel_targets(video.permute(0, 4, 1, 2, 3).float() / 255, 2, 8).repeat_interleave(2, dim=0)
    for row, hidden in enumerate(prepared.hidden_BM):
        torch.testing.assert_close(prepared.targets_BMP[row], whole[row, hidden])


def test_hidden_pixels_are_not_seen() -> None:
    trained = objective()
    prepared = trained.prepare(*shaded_clips(0, 1))
    video = prepared.video_BCTHW.clone()
    slot, place = divmod(int(prepared.hidden_BM[0, 0]), 16)
    top, left = place // 4 * 8, place % 4 * 8
    video[:, :, 2 * slot : 2 * slot + 2, top : top + 8, left : left + 8] += 1
    others = replace(prepared, video_BCTHW=video)
    assert torch.equal(*(trained.terms(trained.model, one)["pixels"] for one in (prepared, others)))


def test_nothing_but_the_model_is_kept() -> None:
    trained = objective()
    trained.after_step()
    assert trained.tensors() == {}


def learn(steps: int, shift: int) -> tuple[float, float]:
    """Mean loss of the first and the last ten steps; no batch comes twice."""
    trained = objective(crop_scales=[1.0], flip_probability=0)
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW(trained.model.parameters(), betas=(0.9, 0.95), weight_decay=0.05)
    losses = []
    for step in range(steps):
        prepared = trained.prepare(*shaded_clips(step, 16))
        prepared = replace(prepared, targets_BMP=prepared.targets_BMP.roll(shift, dims=0))
        loss = trained.terms(trained.model, prepared)["pixels"]
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 10) * (1 + math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained.model.parameters(), 3.0)
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def test_loss_falls_far_below_that_of_guessing_zeros() -> None:
    first, last = learn(160, shift=0)
    assert first == pytest.approx(1, abs=0.1)
    assert last < 0.5


def test_loss_does_not_fall_when_the_target_is_another_clip() -> None:
    _, last = learn(100, shift=1)
    assert last > 0.9
