"""Masks hide as many patches as they should, where they should, by what is drawn for and nothing else."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from training.randomness import Draw
from training.views.masking import tube_mask, visible_patches
from training.views.masking_config import MaskConfig

GRID = (4, 6, 6)
PER_FRAME = 36
DRAWS = [Draw(seed=0, epoch=0, sample=f"clip{number}") for number in range(200)]
CPU = torch.device("cpu")


def tubes(draws: list[Draw]) -> tuple[torch.Tensor, torch.Tensor]:
    return tube_mask(draws, GRID, 32, CPU)


def visible(
    draws: list[Draw],
    config: MaskConfig,
    attention: torch.Tensor | None = None,
    *,
    grid: tuple[int, int, int] = GRID,
    masks: int = 1,
) -> torch.Tensor:
    return visible_patches(draws, grid, config, masks_per_view=masks, attention_BTN=attention, device=CPU)


def test_tubes_are_hidden_and_nothing_is_lost() -> None:
    seen, hidden = tubes(DRAWS)
    assert seen.shape == (200, 4 * 4)
    assert hidden.shape == (200, 4 * 32)
    everything = torch.cat([seen, hidden], dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(4 * PER_FRAME).expand(200, -1))
    places = seen.view(200, 4, 4) - torch.arange(4).view(1, 4, 1) * PER_FRAME
    assert (places == places[:, :1]).all()
    assert torch.equal(seen, seen.sort(dim=1).values)


def test_every_place_is_hidden_about_equally_often() -> None:
    seen, _ = tubes(DRAWS)
    counts = torch.bincount(seen[:, :4].flatten(), minlength=PER_FRAME)
    # 800 draws over 36 places: 22 each, deviation 4.7.
    assert counts.min() > 4
    assert counts.max() < 46


def test_a_mask_depends_on_its_draw_only() -> None:
    attention = torch.rand(200, 4, PER_FRAME)
    for masks in (
        lambda draws, rows: tubes(draws)[0],
        lambda draws, rows: visible(draws, MaskConfig(kind="random")),
        lambda draws, rows: visible(draws, MaskConfig(), attention[rows]),
        lambda draws, rows: visible(draws, MaskConfig(scope="clip"), attention[rows]),
    ):
        together = masks(DRAWS, slice(None))
        state = torch.get_rng_state()
        alone = masks([DRAWS[7]], slice(7, 8))
        assert torch.equal(state, torch.get_rng_state())
        assert torch.equal(alone[0], together[7])
        for other in (
            Draw(seed=1, epoch=0, sample="clip7"),
            Draw(seed=0, epoch=1, sample="clip7"),
            Draw(seed=0, epoch=0, sample="clip7", view=1),
        ):
            assert not torch.equal(masks([other], slice(7, 8))[0], alone[0])


@pytest.mark.parametrize("kind", ["attention", "random", "tube"])
def test_as_many_patches_of_each_frame_are_seen_in_ascending_order(kind: str) -> None:
    seen = visible(DRAWS, MaskConfig(kind=kind, ratio=0.8), torch.rand(200, 4, PER_FRAME), masks=2)
    assert seen.shape == (400, 4 * 8)
    assert seen.dtype == torch.int64
    assert (seen.diff(dim=1) > 0).all()
    frames = seen.view(400, 4, 8) // PER_FRAME
    assert torch.equal(frames, torch.arange(4).view(1, 4, 1).expand_as(frames))
    places = seen.view(400, 4, 8) % PER_FRAME
    assert (places == places[:, :1]).all() == (kind == "tube")
    assert not torch.equal(seen[0::2], seen[1::2])


def test_internvideo2_sees_52_of_256_patches_of_a_frame_or_410_of_a_clip() -> None:
    assert MaskConfig().num_visible((8, 16, 16)) == 416
    assert MaskConfig(scope="clip").num_visible((8, 16, 16)) == 410
    seen = visible(DRAWS[:3], MaskConfig(scope="clip"), torch.rand(3, 8, 256), grid=(8, 16, 16))
    assert seen.shape == (3, 410)
    per_frame = torch.bincount(seen[0] // 256, minlength=8)
    assert per_frame.sum() == 410
    assert per_frame.unique().numel() > 1


def test_sets_are_as_likely_as_when_drawn_without_replacement() -> None:
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    draws = [Draw(seed=3, epoch=0, sample=f"{number}") for number in range(20_000)]
    attention = torch.tensor(weights).expand(len(draws), 1, 4)
    seen = visible(draws, MaskConfig(ratio=0.5), attention, grid=(1, 2, 2))
    found = Counter(map(tuple, seen.tolist()))
    for first in range(4):
        for second in range(first + 1, 4):
            a, b = weights[[first, second]]
            likely = a * b / (1 - a) + a * b / (1 - b)
            deviation = (likely * (1 - likely) / len(draws)) ** 0.5
            assert abs(found[first, second] / len(draws) - likely) < 4 * deviation


def test_one_draw_over_a_clip_prefers_frames_that_are_looked_at_more() -> None:
    attention = torch.ones(200, 4, PER_FRAME) * torch.tensor([4.0, 1, 1, 1]).view(1, 4, 1)
    seen = visible(DRAWS, MaskConfig(scope="clip"), attention)
    counts = torch.bincount(seen.flatten() // PER_FRAME, minlength=4).float()
    assert counts[0] > 2 * counts[1:].max()


def test_patches_that_nobody_looks_at_come_last() -> None:
    attention = torch.zeros(200, 4, PER_FRAME)
    attention[:, :, 5:9] = 0.25
    seen = visible(DRAWS, MaskConfig(ratio=0.8), attention).view(200, 4, 8) % PER_FRAME
    looked_at = (seen >= 5) & (seen < 9)
    assert (looked_at.sum(dim=2) == 4).all()
    assert seen[~looked_at].unique().numel() == PER_FRAME - 4


@pytest.mark.parametrize("ratio", [0.999, math.nextafter(1, 0)])
def test_whatever_the_ratio_a_patch_of_each_frame_is_seen(ratio: float) -> None:
    assert MaskConfig(ratio=ratio).num_visible(GRID) == 4
    assert MaskConfig(ratio=ratio, scope="clip").num_visible(GRID) == 1
    for patches in range(2, 3000):
        assert MaskConfig(ratio=ratio).num_visible((1, 1, patches)) >= 1


def test_a_ratio_that_hides_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ratio = 0.01 hides 0 of the 36 patches of a frame, but at least"):
        MaskConfig(ratio=0.01).num_visible(GRID)
    with pytest.raises(ValueError, match=r"hides 0 of the 144 patches of a clip"):
        MaskConfig(ratio=0.001, scope="clip").num_visible(GRID)
