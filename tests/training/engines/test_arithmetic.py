"""How clips are spread, and what a user is told where they cannot be."""

from __future__ import annotations

import pytest

from training.engines.arithmetic import BatchArithmetic
from training.engines.shares import share


def test_clips_are_spread_over_processes_and_passes() -> None:
    arithmetic = BatchArithmetic(batch_size=96, world_size=4, micro_batch_size=6)
    assert (arithmetic.per_process, arithmetic.per_pass, arithmetic.accumulation) == (24, 6, 4)
    assert BatchArithmetic(96, 4).accumulation == 1


@pytest.mark.parametrize(
    ("batch_size", "world_size", "micro_batch_size", "told"),
    [
        (100, 8, None, "batch_size = 100 does not divide by 8 processes. Set batch_size to 96 or 104, or"),
        (3, 8, None, "Set batch_size to 8, or"),
        (96, 8, 5, "micro_batch_size = 5 does not divide the 12 clips .* Set micro_batch_size to 4 or 6."),
        (96, 8, 13, "Set micro_batch_size to 12."),
    ],
)
def test_what_does_not_divide_is_refused_with_the_nearest_that_does(
    batch_size: int, world_size: int, micro_batch_size: int | None, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        BatchArithmetic(batch_size, world_size, micro_batch_size)


def test_each_name_is_the_share_of_one_and_shares_are_alike() -> None:
    sizes = {"a": 100, "b": 60, "c": 50, "d": 1, "e": 0}
    shares = [share(sizes, rank, 3) for rank in range(3)]
    assert sorted(name for one in shares for name in one) == sorted(sizes)
    assert sorted(sum(sizes[name] for name in one) for one in shares) == [51, 60, 100]
    assert share(sizes, 0, 1) == set(sizes)
