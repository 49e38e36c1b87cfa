"""Tubes hide the same places in every frame, by what is drawn for and nothing else."""

from __future__ import annotations

import torch

from training.masking import tube_mask
from training.randomness import Draw

GRID = (4, 6, 6)
PER_FRAME = 36
DRAWS = [Draw(seed=0, epoch=0, sample=f"clip{number}") for number in range(200)]


def test_tubes_are_hidden_and_nothing_is_lost() -> None:
    visible, hidden = tube_mask(DRAWS, GRID, num_hidden=32)
    assert visible.shape == (200, 4 * 4)
    assert hidden.shape == (200, 4 * 32)
    everything = torch.cat([visible, hidden], dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(4 * PER_FRAME).expand(200, -1))
    places = visible.view(200, 4, 4) - torch.arange(4).view(1, 4, 1) * PER_FRAME
    assert (places == places[:, :1]).all()
    assert torch.equal(visible, visible.sort(dim=1).values)


def test_every_place_is_hidden_about_equally_often() -> None:
    visible, _ = tube_mask(DRAWS, GRID, num_hidden=32)
    counts = torch.bincount(visible[:, :4].flatten(), minlength=PER_FRAME)
    # 800 draws over 36 places: 22 each, deviation 4.7.
    assert counts.min() > 4
    assert counts.max() < 46


def test_a_mask_depends_on_its_draw_only() -> None:
    together, _ = tube_mask(DRAWS, GRID, num_hidden=32)
    alone, _ = tube_mask([DRAWS[7]], GRID, num_hidden=32)
    assert torch.equal(alone[0], together[7])
    for other in (
        Draw(seed=1, epoch=0, sample="clip7"),
        Draw(seed=0, epoch=1, sample="clip7"),
        Draw(seed=0, epoch=0, sample="clip7", view=1),
    ):
        assert not torch.equal(tube_mask([other], GRID, num_hidden=32)[0][0], alone[0])
