"""What the trainer sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.randomness import Draw

if TYPE_CHECKING:
    from torch import Tensor

    from shards.reading import Position


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Consecutive samples of the stream, and the stream's state right after them.

    `video_uint8` is [B, T, H, W, 3], square, before crop and flip. `draws` (length B) names each row's
    sample and carries its randomness; `positions` (length B) is where to go on after each row.
    `stream` is the reader's state as JSON: loading it continues with the next batch. `damaged` counts
    the samples of the data set that others have replaced, as far as reading has come.
    """

    video_uint8: Tensor
    draws: tuple[Draw, ...]
    positions: tuple[Position, ...]
    stream: Mapping[str, Any]
    damaged: int

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def keys(self) -> tuple[str, ...]:
        """Sample keys, row by row."""
        return tuple(draw.sample for draw in self.draws)
