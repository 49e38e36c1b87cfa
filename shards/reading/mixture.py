"""Several data sets read as one stream, each with its share, without writing a shard anew."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shards.reading.cache import ShardCache
from shards.reading.cache_config import CacheConfig
from shards.reading.errors import ShardError
from shards.reading.fetch import Fetcher
from shards.reading.manifest import Shard, join_versions, open_shards
from shards.reading.order import DEFAULT_WINDOW
from shards.reading.passes import PassReader
from shards.reading.ranks import RankWalk
from shards.reading.reader import MAX_DAMAGED_FRACTION
from shards.reading.samples import Position, RawSample
from shards.reading.schedule import Schedule, plan, replan, same_from, weights_at
from shards.reading.sources import RETRY_S
from shards.reading.state import OrderSettings, SourceState, StreamState

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MixtureSource:
    """A data set of a mixture. `weights` are its weight from some steps on (none before the first);
    they count in relation to those of the other sources."""

    urls: str | Sequence[str]
    split: str = "train"
    weights: Sequence[tuple[int, float]] = ((0, 1.0),)


class MixtureReader(RankWalk):
    """Yields `(RawSample, Position)` for ever, each of one of several sources.

    Every source has its own passes, every sample of it once in each. `batch_size` is the number of
    samples of all ranks in a step: it says which samples the steps of `weights` are.

    Remote shards are read ahead, and kept on this machine where `cache` says so; `close` ends that.

    Raises:
        ShardError: a URL is refused, a manifest cannot be used, a split is empty, the manifests have
            other lanes than each other, `num_ranks` does not divide them, or the weights make no mixture.
    """

    def __init__(
        self,
        sources: Mapping[str, MixtureSource],
        *,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
        shuffle: bool = True,
        window: int = DEFAULT_WINDOW,
        max_damaged_fraction: float = MAX_DAMAGED_FRACTION,
        retry_s: float = RETRY_S,
        cache: CacheConfig | None = None,
    ) -> None:
        if not sources or not all(sources):
            raise ShardError("a mixture needs sources, each with a name")
        found = {name: open_shards(source.urls) for name, source in sorted(sources.items())}
        lanes = {name: one.lanes for name, one in found.items()}
        if len(set(lanes.values())) > 1:
            raise ShardError(f"the sources of the mixture differ in lanes: {lanes}")
        self._settings = OrderSettings(
            lanes=next(iter(lanes.values())), seed=seed, shuffle=shuffle, window=window
        )
        super().__init__(
            lanes=self._settings.lanes,
            rank=rank,
            num_ranks=num_ranks,
            fetcher=Fetcher(retry_s=retry_s, cache=ShardCache.open(cache)),
        )
        self._batch_size = batch_size
        self._sources = {
            name: PassReader(
                sources[name].urls,
                one,
                self._settings,
                split=sources[name].split,
                fetcher=self._fetcher,
                max_damaged_fraction=max_damaged_fraction,
                num_readers=num_ranks,
                name=name,
            )
            for name, one in found.items()
        }
        weights = {name: source.weights for name, source in sources.items()}
        self._plan = plan(weights, slots_per_step=batch_size)
        self._schedule = Schedule(self._plan, self._settings.lanes)
        self._left: Mapping[str, SourceState] = {}

    @property
    def version(self) -> str:
        """A hash of the sources' names and versions."""
        return join_versions([f"{name}\0{source.version}" for name, source in self._sources.items()])

    @property
    def num_samples(self) -> int:
        """Samples of all sources."""
        return sum(source.num_samples for source in self._sources.values())

    @property
    def num_shards(self) -> int:
        """Shards of the source that has fewest."""
        return min(source.num_shards for source in self._sources.values())

    @property
    def num_substituted(self) -> int:
        """Damaged samples found so far."""
        return sum(source.num_substituted for source in self._sources.values())

    @property
    def decides_alone(self) -> bool:
        """Mixtures are not followed as they grow."""
        return False

    def sample(self, slot: int) -> RawSample:
        """The sample of a global slot, wherever the reader is.

        Raises:
            TooManyDamagedError: more samples of a source are damaged than the reader was told to bear.
            OSError: a shard cannot be read, after retries.
        """
        name, own_slot = self._schedule.place(slot)
        return self._source(name).sample(own_slot, slot)

    def _place(self, slot: int) -> tuple[Shard, int] | None:
        name, own_slot = self._schedule.place(slot)
        return self._source(name).place(own_slot)

    @property
    def _is_remote(self) -> bool:
        return any(source.is_remote for source in self._sources.values())

    def _divide(self, num_readers: int) -> None:
        for source in self._sources.values():
            source.divide(num_readers)

    def replacement(self, sample: RawSample, reason: str) -> RawSample:
        """Another sample of the same source for the slot of one that proved damaged at decoding.

        Raises:
            TooManyDamagedError: more samples of the source are damaged than the reader was told to bear.
        """
        name, own_slot = self._schedule.place(sample.index)
        return self._source(name).replacement(own_slot, sample, reason)

    def state_dict(self, position: Position | None = None) -> dict[str, Any]:
        """Printable JSON from which `load_state_dict` goes on after the last sample that was yielded,
        or after the one that came with `position`.

        Beside the passes of each source stands how many of its samples were consumed (`cursor`), and in
        which pass that is (`epoch`).
        """
        slot = self._slot if position is None else position.slot
        sources = dict(self._left)
        notes = {}
        for name, source in self._sources.items():
            # A source that has one list of passes has no earlier one to keep for the lanes that lag.
            first = 0 if source.is_simple else self._schedule.bounds(name, slot)[0]
            sources[name] = source.state(first)
            cursor = self._schedule.total(name, slot)
            notes[name] = {"cursor": cursor, "epoch": source.epoch(max(cursor, first))}
        return StreamState(
            slot=slot,
            order=self._settings,
            sources=sources,
            segments=self._schedule.segments,
            batch_size=self._batch_size,
            notes=notes,
        ).to_dict()

    def load_state_dict(self, state: Mapping[str, Any], *, accept_new_shards: bool = False) -> None:
        """Go on from a saved position, on any number of ranks.

        Weights other than those that were planned hold from here on, and are logged. A source
        that is new begins with its first pass, one that is gone is kept in the state should it return.
        With `accept_new_shards` each source finishes its pass before it takes up other shards.

        Raises:
            ShardError: the state is of another order or of other shards, or of another batch size while
                weights are to change at steps that are still to come.
        """
        saved = StreamState.from_dict(state)
        if not saved.segments:
            raise ShardError("saved position is one in a single data set, the reader has a mixture")
        self._settings.check_same(saved.order)
        self._check_steps(saved)
        if not same_from(saved.segments, self._plan, saved.slot):
            log.warning(
                "weights of the mixture change at step %d (sample %d): %s, before: %s",
                saved.slot // self._batch_size, saved.slot,
                weights_at(self._plan, saved.slot), weights_at(saved.segments, saved.slot),
            )  # fmt: skip
        self._schedule = Schedule(replan(saved.segments, self._plan, saved.slot), self._settings.lanes)
        self._left = {name: one for name, one in saved.sources.items() if name not in self._sources}
        for name, source in self._sources.items():
            if name in saved.sources:
                first, end = self._schedule.bounds(name, saved.slot)
                source.restore(
                    saved.sources[name],
                    first_slot=first,
                    end_slot=end,
                    accept_new_shards=accept_new_shards,
                )
        self._slot = saved.slot
        self._fetcher.expect(None)

    def _check_steps(self, saved: StreamState) -> None:
        """Make sure that the steps of coming weights are the samples that they were planned to be."""
        last = max(self._plan[-1].from_slot, saved.segments[-1].from_slot)
        if saved.batch_size in (None, self._batch_size) or len(self._plan) == 1 or saved.slot >= last:
            return
        raise ShardError(
            f"saved position has batch_size = {saved.batch_size}, the reader has {self._batch_size}: weights "
            "that are planned from a step on would change at another sample than planned. Set batch_size to "
            f"{saved.batch_size}, or give the weights that hold from here on, without a schedule."
        )

    def _source(self, name: str) -> PassReader:
        try:
            return self._sources[name]
        except KeyError:
            raise ShardError(
                f"source '{name}' was part of the mixture there, and is not given any more"
            ) from None
