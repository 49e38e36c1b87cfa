"""Crops and flips take the right pixels, by what is drawn for and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from training.randomness import Draw
from training.views.augmentation import Crops, Look, augment, draw_crops, normalise, views_of
from training.views.augmentation_config import AugmentationConfig

DRAWS = [Draw(seed=0, epoch=0, sample=f"clip{number}") for number in range(64)]
SQUARES = {"max_aspect_steps": 0, "flip_probability": 0}


def ramp(batch: int, side: int) -> torch.Tensor:
    """[B, 2, side, side, 3]: red is the row, green the column, blue the frame."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    frames = [torch.stack([rows, columns, torch.full_like(rows, time)], dim=-1) for time in range(2)]
    return torch.stack(frames).to(torch.uint8).expand(batch, -1, -1, -1, -1)


def seen(
    video: torch.Tensor, draws: list[Draw], config: AugmentationConfig, size_px: int, num_frames: int = 2
) -> torch.Tensor:
    crops = draw_crops(draws, config, video.shape[2], size_px)
    (out,) = augment(video, crops, [Look(num_frames, size_px)])
    return out


def one_by_one(video: torch.Tensor, crops: Crops, look: Look) -> torch.Tensor:
    """The same by torch's own resizing, view by view."""
    views_per_clip = len(crops.top) // len(video)
    views = []
    for number in range(len(crops.top)):
        clip = video[number // views_per_clip, :: video.shape[1] // look.num_frames]
        top, left = crops.top[number], crops.left[number]
        cut = clip[:, top : top + crops.height[number], left : left + crops.width[number]]
        x = functional.interpolate(
            cut.permute(0, 3, 1, 2).float() / 255,
            size=(look.size_px, look.size_px),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        views.append(x.flip(-1) if crops.mirrored[number] else x)
    return torch.stack(views).transpose(1, 2)


def test_without_crop_and_flip_pixels_stay() -> None:
    video = torch.randint(0, 256, (3, 2, 16, 16, 3), dtype=torch.uint8)
    out = seen(video, DRAWS[:3], AugmentationConfig(crop_scales=(1.0,), flip_probability=0), 16)
    assert out.shape == (3, 3, 2, 16, 16)
    assert torch.equal(out, video.permute(0, 4, 1, 2, 3).float() / 255)


@pytest.mark.parametrize("size_px", [12, 28, 40, 56])
@pytest.mark.parametrize("num_frames", [2, 4])
def test_all_at_once_gives_what_one_by_one_gives(size_px: int, num_frames: int) -> None:
    video = torch.randint(0, 256, (5, 4, 40, 40, 3), dtype=torch.uint8)
    crops = draw_crops(views_of(DRAWS[:5], 3), AugmentationConfig(), 40, 28)
    look = Look(num_frames, size_px)
    (out,) = augment(video, crops, [look])
    assert out.shape == (15, 3, num_frames, size_px, size_px)
    assert out.is_contiguous()
    torch.testing.assert_close(out, one_by_one(video, crops, look), atol=2e-5, rtol=0)
    assert len(set(zip(crops.height, crops.width, strict=True))) > 3
    assert crops.mirrored.any()
    assert not crops.mirrored.all()


def test_crops_have_the_sides_and_places_of_the_published_recipe() -> None:
    draws = [Draw(seed=1, epoch=0, sample=f"{number}") for number in range(4000)]
    crops = draw_crops(draws, AugmentationConfig(), 256, 224)
    # int(256 * scale) for 1, .875, .75, .66; neighbours may be combined.
    sides = [256, 224, 192, 168]
    pairs = {(a, b) for a, b in itertools.product(sides, sides) if abs(sides.index(a) - sides.index(b)) <= 1}
    assert set(zip(crops.height.tolist(), crops.width.tolist(), strict=True)) == pairs
    assert len(pairs) == 10
    small = (crops.height == 168) & (crops.width == 168)
    places = set(zip(crops.top[small].tolist(), crops.left[small].tolist(), strict=True))
    assert places == {
        *((0, 0), (0, 88), (88, 0), (88, 88), (44, 44), (44, 0), (44, 88), (88, 44), (0, 44)),
        *((22, 22), (22, 66), (66, 22), (66, 66)),
    }
    assert crops.mirrored.mean() == pytest.approx(0.5, abs=0.04)


def test_a_side_near_the_models_becomes_that() -> None:
    config = AugmentationConfig(crop_scales=(0.89,), **SQUARES)
    assert draw_crops(DRAWS, config, 256, 225).height[0] == 225
    assert draw_crops(DRAWS, config, 256, 224).height[0] == 227


def test_a_crop_is_the_same_stretch_in_all_frames() -> None:
    out = seen(ramp(64, 32), DRAWS, AugmentationConfig(crop_scales=(0.5,), **SQUARES), 16) * 255
    assert torch.equal(out[:, :2, 0], out[:, :2, 1])
    assert torch.allclose(out[:, 2, 1], torch.ones(()))
    tops, lefts = out[:, 0, 0, 0, 0].round(), out[:, 1, 0, 0, 0].round()
    assert torch.allclose(out[:, 0, 0, -1, 0] - tops, torch.tensor(15.0))
    assert torch.allclose(out[:, 1, 0, 0, -1] - lefts, torch.tensor(15.0))
    for firsts in (tops, lefts):
        assert set(firsts.tolist()) == {0, 4, 8, 12, 16}


def test_a_crop_is_resized_to_the_model() -> None:
    config = AugmentationConfig(crop_scales=(0.75,), **SQUARES)
    out = seen(ramp(8, 32), DRAWS[:8], config, 16) * 255
    steps = out[:, 1, 0, 0].diff(dim=-1)
    assert torch.allclose(steps[:, 2:-2], torch.tensor(24 / 16), atol=0.1)


def test_mirrored_about_as_often_as_asked() -> None:
    config = AugmentationConfig(crop_scales=(1.0,), flip_probability=0.25)
    out = seen(ramp(64, 16), DRAWS, config, 16)
    mirrored = (out[:, 1, 0, 0, 0] > out[:, 1, 0, 0, -1]).sum().item()
    assert 6 <= mirrored <= 28


def test_clips_of_some_sources_are_never_mirrored() -> None:
    draws = [Draw(0, 0, f"{number}", source=("left", "other")[number % 2]) for number in range(64)]
    config = AugmentationConfig(flip_probability=1.0, unmirrored_sources=("left",))
    assert draw_crops(draws, config, 40, 32).mirrored.tolist() == [False, True] * 32


def test_a_view_depends_on_its_draw_only() -> None:
    video, config = ramp(64, 32), AugmentationConfig()
    together = seen(video, DRAWS, config, 16)
    assert torch.equal(seen(video[:1], [DRAWS[9]], config, 16)[0], together[9])
    later = [Draw(seed=0, epoch=1, sample=draw.sample) for draw in DRAWS]
    assert not torch.equal(seen(video, later, config, 16), together)


def test_views_of_a_clip_follow_each_other_and_differ() -> None:
    draws = views_of(DRAWS[:4], 3)
    assert [(draw.sample, draw.view) for draw in draws[:4]] == [
        ("clip0", 0), ("clip0", 1), ("clip0", 2), ("clip1", 0),
    ]  # fmt: skip
    video = torch.randint(0, 256, (4, 2, 40, 40, 3), dtype=torch.uint8)
    out = seen(video, draws, AugmentationConfig(), 16)
    assert torch.equal(out[::3], seen(video, DRAWS[:4], AugmentationConfig(), 16))
    assert not torch.equal(out[0], out[1])


def test_models_of_other_sizes_see_the_same_crop() -> None:
    video = torch.randint(0, 256, (3, 4, 40, 40, 3), dtype=torch.uint8)
    crops = draw_crops(DRAWS[:3], AugmentationConfig(), 40, 32)
    large, small, same = augment(video, crops, [Look(2, 32), Look(4, 16), Look(2, 32)])
    assert same is large
    assert small.shape == (3, 3, 4, 16, 16)
    halved = functional.interpolate(large.transpose(1, 2).flatten(0, 1), size=16, mode="area")
    blurred = small[:, :, ::2].transpose(1, 2).flatten(0, 1)
    correlation = np.corrcoef(halved.numpy().ravel(), blurred.numpy().ravel())[0, 1]
    assert correlation > 0.9


def test_crops_of_some_views_can_be_taken() -> None:
    crops = draw_crops(DRAWS, AugmentationConfig(), 40, 32)
    some = crops.take([5, 2])
    assert some.left.tolist() == crops.left[[5, 2]].tolist()
    assert some.mirrored.tolist() == crops.mirrored[[5, 2]].tolist()


def test_normalised_mean_colour_is_zero() -> None:
    grey = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1, 1).expand(1, 3, 2, 4, 4)
    assert not normalise(grey).any()
