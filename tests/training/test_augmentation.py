"""Crops and flips take the right pixels, by what is drawn for and nothing else."""

from __future__ import annotations

import torch

from training.augmentation import augment, normalise
from training.augmentation_config import AugmentationConfig
from training.randomness import Draw

DRAWS = [Draw(seed=0, epoch=0, sample=f"clip{number}") for number in range(64)]


def ramp(batch: int, side: int) -> torch.Tensor:
    """[B, 2, side, side, 3]: red is the row, green the column, blue the frame."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    frames = [torch.stack([rows, columns, torch.full_like(rows, time)], dim=-1) for time in range(2)]
    return torch.stack(frames).to(torch.uint8).expand(batch, -1, -1, -1, -1)


def test_without_crop_and_flip_pixels_stay() -> None:
    video = torch.randint(0, 256, (3, 2, 16, 16, 3), dtype=torch.uint8)
    config = AugmentationConfig(crop_scales=(1.0,), flip_probability=0)
    out = augment(video, DRAWS[:3], config, 16)
    assert out.shape == (3, 3, 2, 16, 16)
    assert torch.equal(out, video.permute(0, 4, 1, 2, 3).float() / 255)


def test_crops_are_squares_at_places_all_over_and_the_same_in_all_frames() -> None:
    config = AugmentationConfig(crop_scales=(0.5,), flip_probability=0)
    out = augment(ramp(64, 32), DRAWS, config, 16) * 255
    assert torch.equal(out[:, :2, 0], out[:, :2, 1])
    assert torch.allclose(out[:, 2, 1], torch.ones(()))
    tops, lefts = out[:, 0, 0, 0, 0].round(), out[:, 1, 0, 0, 0].round()
    assert torch.allclose(out[:, 0, 0, -1, 0] - tops, torch.tensor(15.0))
    assert torch.allclose(out[:, 1, 0, 0, -1] - lefts, torch.tensor(15.0))
    for firsts in (tops, lefts):
        assert firsts.min() <= 1
        assert firsts.max() >= 15
        assert firsts.max() <= 16


def test_a_crop_is_resized_to_the_model() -> None:
    config = AugmentationConfig(crop_scales=(0.75,), flip_probability=0)
    out = augment(ramp(8, 32), DRAWS[:8], config, 16) * 255
    steps = out[:, 1, 0, 0].diff(dim=-1)
    assert torch.allclose(steps[:, 2:-2], torch.tensor(24 / 16), atol=0.1)


def test_mirrored_about_as_often_as_asked() -> None:
    config = AugmentationConfig(crop_scales=(1.0,), flip_probability=0.25)
    out = augment(ramp(64, 16), DRAWS, config, 16)
    mirrored = (out[:, 1, 0, 0, 0] > out[:, 1, 0, 0, -1]).sum().item()
    assert 6 <= mirrored <= 28


def test_a_view_depends_on_its_draw_only() -> None:
    video, config = ramp(64, 32), AugmentationConfig()
    together = augment(video, DRAWS, config, 16)
    assert torch.equal(augment(video[:1], [DRAWS[9]], config, 16)[0], together[9])
    later = [Draw(seed=0, epoch=1, sample=draw.sample) for draw in DRAWS]
    assert not torch.equal(augment(video, later, config, 16), together)


def test_normalised_mean_colour_is_zero() -> None:
    grey = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1, 1).expand(1, 3, 2, 4, 4)
    assert not normalise(grey).any()
