"""Positions are sines of time, column and row; between grids they are interpolated."""

from __future__ import annotations

import math

import pytest
import torch

from training.models.interpolation import interpolate_positions
from training.models.positions import sin_cos_positions


def test_positions_are_sines_of_time_column_and_row() -> None:
    width, grid = 32, (2, 3, 4)
    positions = sin_cos_positions(grid, width).view(*grid, width)
    time, row, column = 1, 2, 3
    token = positions[time, row, column].tolist()
    # 8 channels of time, 12 of the column, 12 of the row; the second frequency of 4 and of 6.
    assert math.isclose(token[1], math.sin(time * 10_000 ** (-1 / 4)), abs_tol=1e-6)
    assert math.isclose(token[4], math.cos(time), abs_tol=1e-6)
    assert math.isclose(token[8 + 1], math.sin(column * 10_000 ** (-1 / 6)), abs_tol=1e-6)
    assert math.isclose(token[20 + 6 + 1], math.cos(row * 10_000 ** (-1 / 6)), abs_tol=1e-6)


@pytest.mark.parametrize("width", [64, 384, 768, 1024, 1408, 3200])
def test_all_widths_of_the_published_models_have_positions(width: int) -> None:
    assert sin_cos_positions((2, 2, 2), width, class_token=True).shape == (9, width)


def ramp(time: int, side: int) -> torch.Tensor:
    """A class token of 9, then channels that rise with time, row and column, sampled at centres of cells."""
    axes = [(torch.arange(n) + 0.5) / n for n in (time, side, side)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    return torch.cat([torch.full((1, 3), 9.0), grid.flatten(0, 2)])[None]


def test_ramps_stay_ramps_between_grids() -> None:
    found = interpolate_positions(ramp(8, 16), (8, 16, 16), (4, 8, 8))
    torch.testing.assert_close(found, ramp(4, 8), atol=0.01, rtol=0)
    found = interpolate_positions(ramp(4, 16), (4, 16, 16), (8, 24, 24))[0, 1:].view(8, 24, 24, 3)
    wanted = ramp(8, 24)[0, 1:].view(8, 24, 24, 3)
    inner = slice(4, -4)
    torch.testing.assert_close(found[1:-1, inner, inner], wanted[1:-1, inner, inner], atol=0.01, rtol=0)


def test_time_and_space_are_interpolated_as_pytorch_does() -> None:
    torch.manual_seed(0)
    positions = torch.randn(1, 1 + 2 * 3 * 3, 5)
    grid = positions[0, 1:].view(2, 3, 3, 5)
    longer = interpolate_positions(positions, (2, 3, 3), (4, 3, 3))[0, 1:].view(4, 3, 3, 5)
    torch.testing.assert_close(longer[1], 0.75 * grid[0] + 0.25 * grid[1])
    torch.testing.assert_close(longer[0], grid[0])
    wider = interpolate_positions(positions, (2, 3, 3), (2, 6, 6))[0, 1:].view(2, 6, 6, 5)
    expected = torch.nn.functional.interpolate(
        grid.permute(0, 3, 1, 2), size=(6, 6), mode="bicubic", align_corners=False
    )
    torch.testing.assert_close(wider, expected.permute(0, 2, 3, 1))


def test_nothing_is_interpolated_where_nothing_changes() -> None:
    positions = torch.randn(1, 8, 4).bfloat16()
    assert torch.equal(interpolate_positions(positions, (2, 2, 2), (2, 2, 2), prefix_tokens=0), positions)
    shorter = interpolate_positions(positions, (2, 2, 2), (1, 2, 2), prefix_tokens=0)
    assert shorter.shape == (1, 4, 4)
    assert shorter.dtype == torch.bfloat16


def test_positions_of_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"8 positions are not the 1 \+ 8 of a grid of 2 x 2 x 2"):
        interpolate_positions(torch.zeros(1, 8, 4), (2, 2, 2), (4, 2, 2))
