"""The reader: an endless stream of raw samples in an exact order, and where it is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shards.reading.errors import DamagedSampleError, ShardError, TooManyDamagedError
from shards.reading.fetch import Fetcher
from shards.reading.manifest import Shard, open_shards
from shards.reading.order import DEFAULT_WINDOW, Order
from shards.reading.randomness import integer
from shards.reading.samples import Position, RawSample
from shards.reading.state import ReaderState

MAX_DAMAGED_FRACTION = 0.01
"""Damaged samples, as a fraction of the split, above which reading stops (at least one is borne)."""
SUBSTITUTE_TRIES = 16

log = logging.getLogger(__name__)


class ShardReader:
    """Yields `(RawSample, Position)` for ever, epoch after epoch.

    Of the global slots 0, 1, 2… this reader takes those congruent to `rank` modulo `num_ranks`. The
    stream of all ranks together is the same for every `num_ranks` that divides the lanes.

    A sample whose complete bytes are damaged is replaced by another of the split, drawn by (seed,
    sample), which the state remembers; above `max_damaged_fraction` of the split reading stops.

    Raises:
        ShardError: a URL is refused, the manifest cannot be used, the split is empty, or `num_ranks`
            does not divide the lanes.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        split: str = "train",
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
        shuffle: bool = True,
        window: int = DEFAULT_WINDOW,
        max_damaged_fraction: float = MAX_DAMAGED_FRACTION,
        retries: int = 5,
    ) -> None:
        found = open_shards(urls)
        self._shards: Sequence[Shard] = found.of_split(split)
        _check_ranks(rank, num_ranks, found.lanes)
        self._order = Order(
            [shard.num_samples for shard in self._shards],
            lanes=found.lanes,
            seed=seed,
            window=window,
            shuffle=shuffle,
        )
        self._fetcher = Fetcher(retries=retries)
        self._rank = rank
        self._num_ranks = num_ranks
        self._max_damaged = max(1, int(max_damaged_fraction * self.num_samples))
        self._state = ReaderState(
            manifest=found.version,
            split=split,
            lanes=found.lanes,
            seed=seed,
            shuffle=shuffle,
            window=window,
            num_samples=self.num_samples,
        )

    @property
    def num_samples(self) -> int:
        """Samples of an epoch, over all ranks."""
        return self._order.num_samples

    @property
    def num_substituted(self) -> int:
        """Damaged samples found so far."""
        return len(self._state.substitutes)

    def __iter__(self) -> Iterator[tuple[RawSample, Position]]:
        """Go on from the present position."""
        while True:
            base = self._state.slot
            sample = self.sample(base + (self._rank - base) % self._num_ranks)
            position = Position(base + self._num_ranks)
            self._state = replace(self._state, slot=position.slot)
            yield sample, position

    def sample(self, slot: int) -> RawSample:
        """The sample of a global slot, wherever the reader is.

        Raises:
            TooManyDamagedError: more samples are damaged than the reader was told to bear.
            OSError: a shard cannot be read, after retries.
        """
        while True:
            number = self._number(slot)
            try:
                key, members = self._read(number)
            except DamagedSampleError as damage:
                self._mark_damaged(number, str(damage))
            else:
                return RawSample(key, slot, self._order.epoch(slot), members)

    def replacement(self, sample: RawSample, reason: str) -> RawSample:
        """Another sample for the slot of one that proved damaged at decoding; counted and remembered.

        Raises:
            TooManyDamagedError: more samples are damaged than the reader was told to bear.
        """
        self._mark_damaged(self._number(sample.index), f"{sample.key}: {reason}")
        return self.sample(sample.index)

    def state_dict(self, position: Position | None = None) -> dict[str, Any]:
        """Printable JSON from which `load_state_dict` goes on after the last sample that was yielded,
        or after the one that came with `position`."""
        state = self._state if position is None else replace(self._state, slot=position.slot)
        return state.to_dict()

    def load_state_dict(self, state: Mapping[str, Any], *, accept_other_manifest: bool = False) -> None:
        """Go on from a saved position, on any number of ranks.

        With `accept_other_manifest` a position in other shards is taken to mean that the present ones
        begin with the next pass.

        Raises:
            ShardError: the state is of another dataset or order.
        """
        saved = ReaderState.from_dict(state)
        self._state.check_stream(saved, accept_other_manifest=accept_other_manifest)
        if saved.manifest == self._state.manifest:
            self._state = saved
        else:
            passes = -(-saved.slot // saved.num_samples)
            self._state = replace(self._state, slot=passes * self.num_samples, substitutes={})

    def _number(self, slot: int) -> int:
        number = self._order.sample(slot)
        return self._state.substitutes.get(number, number)

    def _read(self, number: int) -> tuple[str, Mapping[str, bytes]]:
        place = self._order.place(number)
        shard = self._shards[place.shard]
        entry = self._fetcher.index(shard)[place.row]
        return entry.key, self._fetcher.members(shard, entry)

    def _mark_damaged(self, number: int, reason: str) -> None:
        log.warning("damaged sample replaced: %s", reason)
        damaged = {**self._state.substitutes, number: number}
        if len(damaged) > self._max_damaged:
            raise TooManyDamagedError(
                f"{len(damaged)} damaged samples of {self.num_samples}, more than the {self._max_damaged} "
                f"allowed; the last: {reason}. Run `cliploom shards verify`, or raise max_damaged_fraction."
            )
        for other, substitute in damaged.items():
            if substitute == number:
                damaged[other] = self._choose(other, damaged)
        self._state = replace(self._state, substitutes=damaged)

    def _choose(self, number: int, damaged: Mapping[int, int]) -> int:
        """The first sound sample of a sequence drawn for `number`: the same one in whatever order,
        and on whichever rank, damage is found."""
        for attempt in range(SUBSTITUTE_TRIES):
            candidate = integer(self.num_samples, "substitute", self._state.seed, number, attempt)
            if candidate in damaged:
                continue
            try:
                self._read(candidate)
            except DamagedSampleError:
                continue
            return candidate
        raise TooManyDamagedError(f"no sound substitute for sample {number} among {SUBSTITUTE_TRIES} drawn")


def _check_ranks(rank: int, num_ranks: int, lanes: int) -> None:
    if num_ranks < 1 or lanes % num_ranks:
        fitting = ", ".join(str(n) for n in range(1, lanes + 1) if lanes % n == 0)
        raise ShardError(
            f"{num_ranks} ranks do not divide the {lanes} lanes of the shards: use {fitting} ranks."
        )
    if not 0 <= rank < num_ranks:
        raise ShardError(f"rank = {rank}, but num_ranks = {num_ranks}: it must be 0..{num_ranks - 1}")
