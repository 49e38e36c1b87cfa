"""What the trainer sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.randomness import Draw

if TYPE_CHECKING:
    from torch import Tensor

    from shards.reading import Position


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows of a batch, which go through the model together."""

    video_uint8: Tensor
    draws: tuple[Draw, ...]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Consecutive samples of the stream of one process, and the stream's state right after them.

    `video_uint8` is [B, T, H, W, 3], square, before crop and flip. `draws` (length B) names each row's
    sample and carries its randomness; `positions` (length B) is where to go on after each row.
    `epoch` is the pass that the last sample is of. `stream` is the reader's state as JSON: loading it
    continues with the next batch. `damaged` counts the samples that this process found damaged since it
    started, as far as reading has come.
    """

    video_uint8: Tensor
    draws: tuple[Draw, ...]
    positions: tuple[Position, ...]
    epoch: int
    stream: Mapping[str, Any]
    damaged: int

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def keys(self) -> tuple[str, ...]:
        """Sample keys, row by row."""
        return tuple(draw.sample for draw in self.draws)

    @property
    def sources(self) -> Mapping[str, int]:
        """How many samples are of each data set of a mixture; nothing where there is one data set."""
        return Counter(draw.source for draw in self.draws if draw.source)

    def parts(self, count: int) -> Iterator[Part]:
        """The rows in so many equal parts, in order; `count` divides them."""
        assert len(self) % count == 0, f"{len(self)} rows in {count} parts"
        size = len(self) // count
        for first in range(0, len(self), size):
            rows = slice(first, first + size)
            yield Part(video_uint8=self.video_uint8[rows], draws=self.draws[rows])
