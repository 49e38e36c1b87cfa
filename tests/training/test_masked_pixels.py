"""The loss is what it says, falls when there is something to learn, and only then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny_values
from training.batch import Batch
from training.config import TrainConfig
from training.loop import NonFiniteLossError, Trainee, train_step
from training.models.encoder import PatchEmbed
from training.models.encoder_config import EncoderConfig
from training.objectives import masked_pixels
from training.objectives.masked_pixels import MaskedPixels, masked_mse, pixel_targets
from training.optimizer import build_optimizer
from training.randomness import Draw


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


def test_pixels_of_visible_patches_are_no_part_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig.model_validate(tiny_values("x"))
    torch.manual_seed(0)
    model = MaskedPixels(config.objective, config.model)
    draws = [Draw(0, 0, "a")]
    visible, hidden = masked_pixels.tube_mask(draws, config.model.grid, 12)
    true_targets = pixel_targets

    def loss(wrong: torch.Tensor) -> float:
        def targets(video: torch.Tensor, tubelet_frames: int, patch_px: int) -> torch.Tensor:
            values = true_targets(video, tubelet_frames, patch_px)
            values[:, wrong] += 100
            return values

        monkeypatch.setattr(masked_pixels, "pixel_targets", targets)
        torch.manual_seed(1)
        return float(model(torch.rand(1, 3, 4, 32, 32), draws)["pixels"].detach())

    assert loss(visible[0]) == loss(visible[0][:0])
    assert loss(hidden[0][:1]) > loss(hidden[0][:0]) + 100


LEARNING = {
    "data": {"frame_px": 32, "augmentation": {"crop_scales": (1.0,), "flip_probability": 0}},
    "model": {"width": 96, "depth": 2, "heads": 3, "mlp_width": 192, "layer_scale_init": 1.0},
    "objective": {"mask_ratio": 0.5, "decoder": {"width": 64, "depth": 1, "heads": 2}},
    "optimizer": {"peak_learning_rate": 2e-3},
    "schedule": {"warmup_steps": 5},
    "steps": 150,
    "batch_size": 16,
}


def shaded_batches(steps: int, size: int) -> Iterator[Batch]:
    """Planes of random slope that brighten or darken: each patch tells the slope of all others."""
    rows, columns = np.mgrid[0:32, 0:32] - 15.5
    for step in range(steps):
        random = np.random.Generator(np.random.Philox(key=step))
        slopes = random.uniform(-3, 3, size=(size, 1, 3, 2))
        change = random.uniform(-9, 9, size=(size, 1, 3)) * np.arange(4)[None, :, None]
        planes = slopes[..., 0, None, None] * rows + slopes[..., 1, None, None] * columns
        video = 128 + planes + change[..., None, None]
        frames = video.clip(0, 255).astype(np.uint8).transpose(0, 1, 3, 4, 2)
        draws = tuple(Draw(0, step, f"plane{row}") for row in range(size))
        yield Batch(
            video_uint8=torch.from_numpy(np.ascontiguousarray(frames)),
            draws=draws,
            positions=(),
            stream={},
            damaged=0,
        )


def learn() -> tuple[float, float]:
    """Mean loss of the first and the last ten steps; no batch comes twice."""
    config = TrainConfig.model_validate(tiny_values("x", **LEARNING))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = MaskedPixels(config.objective, config.model)
    trainee = Trainee(model, build_optimizer(model, config.optimizer))
    losses = [
        train_step(config, trainee, batch, step).loss
        for step, batch in enumerate(shaded_batches(config.steps, config.batch_size), start=1)
    ]
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def test_loss_falls_far_below_that_of_guessing_zeros() -> None:
    first, last = learn()
    assert first == pytest.approx(1, abs=0.1)
    assert last < 0.5


def test_loss_does_not_fall_when_the_target_is_another_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    true_targets = pixel_targets

    def of_the_next_clip(video: torch.Tensor, tubelet_frames: int, patch_px: int) -> torch.Tensor:
        return true_targets(video, tubelet_frames, patch_px).roll(1, dims=0)

    monkeypatch.setattr(masked_pixels, "pixel_targets", of_the_next_clip)
    _, last = learn()
    assert last > 0.9


def test_a_loss_that_is_no_number_stops_with_the_keys_and_changes_nothing() -> None:
    config = TrainConfig.model_validate(tiny_values("x", data={"frame_px": 32}))
    model = MaskedPixels(config.objective, config.model)
    trainee = Trainee(model, build_optimizer(model, config.optimizer))
    with torch.no_grad():
        model.decoder.head.bias[0] = float("inf")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(NonFiniteLossError, match="plane0, plane1, plane2"):
        train_step(config, trainee, next(shaded_batches(1, 3)), 1)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
