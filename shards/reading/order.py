"""The order of samples: a pure function of (shard sizes, lanes, seed, slot).

The samples of a split, one shard after the other in the manifest's order, are numbered 0..N-1. Global
slot g counts samples of the endless stream: it lies in epoch e = g // N and belongs to lane g mod C,
in every epoch, so that ranks, which own the lanes congruent to them, always have equal shares.

In each epoch the lanes own disjoint contiguous ranges of the numbering, as long as the slots that
fall to them: N // C, or one more. Which lanes get one more moves with e * N mod C, so from epoch to
epoch the borders shift by less than C samples and a lane keeps its shards. The slots of an epoch and
the samples of all lanes match one to one: every sample comes exactly once per epoch, nothing is
dropped or repeated, and no lane ends early. With fewer shards than lanes the ranges are parts of shards.

A lane permutes its pieces of shards, and then the samples inside consecutive windows.

Epochs may begin at another slot than 0, where others over other shards went before. They may be cut
to a multiple of some number of samples: then lanes leave out the last of what they own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.reading.randomness import permutation

DEFAULT_WINDOW = 1024
"""Samples that are shuffled together in a lane: about two shards of the default size."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sample lies: its number in the split, and its shard and row there."""

    sample: int
    shard: int
    row: int


class Order:
    """Finds the sample of any slot. What it keeps is a cache; the answers depend on arguments only.

    `shard_sizes` are samples per shard, `window` is in samples (1: the order inside a shard stays).
    With `shuffle` False lanes read their range from front to back. Epoch `first_epoch` begins at
    `first_slot`; an epoch has a multiple of `multiple` slots.
    """

    def __init__(
        self,
        shard_sizes: Sequence[int],
        *,
        lanes: int,
        seed: int,
        window: int = DEFAULT_WINDOW,
        shuffle: bool = True,
        first_slot: int = 0,
        first_epoch: int = 0,
        multiple: int = 1,
    ) -> None:
        self._starts = np.concatenate([[0], np.cumsum(np.asarray(shard_sizes, dtype=np.int64))])
        self._lanes = lanes
        self._seed = seed
        self._window = window
        self._shuffle = shuffle
        self._first_slot = first_slot
        self._first_epoch = first_epoch
        self._epoch_slots = self.num_samples // multiple * multiple
        self._turn_of_lane = np.argsort(lanes_in_order(lanes))
        self._borders: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        self._cache: dict[int, _Lane] = {}

    @property
    def num_samples(self) -> int:
        """Samples that an epoch draws from."""
        return int(self._starts[-1])

    def epoch(self, slot: int) -> int:
        """The epoch that a slot lies in."""
        return self._first_epoch + (slot - self._first_slot) // self._epoch_slots

    def sample(self, slot: int) -> int:
        """The number, in the split, of the sample that fills a slot."""
        epoch, lane = self.epoch(slot), slot % self._lanes
        item = (slot - self._epoch_start(epoch)) // self._lanes
        state = self._cache.get(lane)
        if state is None or state.epoch != epoch:
            state = self._cache[lane] = self._open_lane(epoch, lane)
        return self._sample_of(state, item)

    def place(self, sample: int) -> Place:
        """Where a sample lies."""
        shard = int(np.searchsorted(self._starts, sample, side="right")) - 1
        return Place(sample, shard, sample - int(self._starts[shard]))

    def lane_range(self, epoch: int, lane: int) -> tuple[int, int]:
        """The samples [first, end) that a lane owns in an epoch."""
        known, borders = self._borders
        if known != epoch:
            borders = self._lane_borders(epoch)
            self._borders = (epoch, borders)
        turn = int(self._turn_of_lane[lane])
        return int(borders[turn]), int(borders[turn + 1])

    def _epoch_start(self, epoch: int) -> int:
        return self._first_slot + (epoch - self._first_epoch) * self._epoch_slots

    def _lane_borders(self, epoch: int) -> NDArray[np.int64]:
        # The lane of the epoch's first slot gets the first sample, the next lane the second, …
        lanes = np.arange(self._lanes, dtype=np.int64)
        turn = (lanes - self._epoch_start(epoch)) % self._lanes
        sizes = self.num_samples // self._lanes + (turn < self.num_samples % self._lanes)
        in_order = sizes[lanes_in_order(self._lanes)]
        return np.concatenate([[0], np.cumsum(in_order)])

    def _open_lane(self, epoch: int, lane: int) -> _Lane:
        first, end = self.lane_range(epoch, lane)
        inside = self._starts[(self._starts > first) & (self._starts < end)]
        edges = np.concatenate([[first], np.unique(inside), [end]]).astype(np.int64)
        starts, sizes = edges[:-1], np.diff(edges)
        if self._shuffle:
            order = permutation(len(starts), "shards", self._seed, epoch, lane)
            starts, sizes = starts[order], sizes[order]
        return _Lane(epoch, lane, starts, np.concatenate([[0], np.cumsum(sizes)]))

    def _sample_of(self, state: _Lane, item: int) -> int:
        if self._shuffle and self._window > 1:
            window, within = divmod(item, self._window)
            if state.window != window:
                state.window = window
                first = window * self._window
                size = min(self._window, int(state.ends[-1]) - first)
                state.order = permutation(size, "window", self._seed, state.epoch, state.lane, window)
            item = window * self._window + int(state.order[within])
        piece = int(np.searchsorted(state.ends, item, side="right")) - 1
        return int(state.starts[piece]) + item - int(state.ends[piece])


class _Lane:
    """The pieces of shards of a lane in the order of an epoch, and its present window."""

    __slots__ = ("ends", "epoch", "lane", "order", "starts", "window")

    def __init__(self, epoch: int, lane: int, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self.epoch = epoch
        self.lane = lane
        self.starts = starts
        self.ends = ends
        self.window = -1
        self.order: NDArray[np.int64] = np.empty(0, np.int64)


def lanes_in_order(lanes: int) -> NDArray[np.int64]:
    """The lanes in the order in which their ranges follow each other.

    Digits of the lane number are reversed (for 64 lanes: its bits), so that the lanes of a rank,
    congruent modulo the number of ranks, own one contiguous stretch, and ranks share few shards.
    """
    order = np.zeros(1, dtype=np.int64)
    stride = 1
    for factor in _prime_factors(lanes):
        # Lanes that agree modulo `stride` stay together; among them the next digit decides.
        order = (order[:, None] + stride * np.arange(factor, dtype=np.int64)[None, :]).reshape(-1)
        stride *= factor
    return order


def _prime_factors(number: int) -> list[int]:
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors
