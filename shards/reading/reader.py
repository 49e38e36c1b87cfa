"""The reader of one data set: an endless stream of raw samples in an exact order, and where it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from shards.reading.cache import ShardCache
from shards.reading.cache_config import CacheConfig
from shards.reading.errors import ShardError
from shards.reading.fetch import Fetcher
from shards.reading.follow import Agree, Follower
from shards.reading.manifest import Shard, open_shards
from shards.reading.order import DEFAULT_WINDOW
from shards.reading.passes import PassReader
from shards.reading.ranks import RankWalk
from shards.reading.samples import Position, RawSample
from shards.reading.sources import RETRY_S
from shards.reading.state import OrderSettings, StreamState

MAX_DAMAGED_FRACTION = 0.01
"""Damaged samples, as a fraction of what was drawn of a pass, above which reading stops."""

log = logging.getLogger(__name__)


class ShardReader(RankWalk):
    """Yields `(RawSample, Position)` for ever, epoch after epoch.

    Of the global slots 0, 1, 2… this reader takes those congruent to `rank` modulo `num_ranks`. The
    stream of all ranks together is the same for every `num_ranks` that divides the lanes.

    A sample whose complete bytes are damaged is replaced by another of the pass, drawn by (seed,
    sample), which the state remembers. Reading stops when of what this reader has drawn in a pass more than
    `max_damaged_fraction` is damaged, and more than chance explains (`DamageCount`).

    I/O errors are tried again for `retry_s` seconds in a row.

    An epoch is every sample once, and the next begins right after it. With `epoch_multiple` (a global
    batch, say) it is cut to a multiple of so many samples, and what is left of it is dropped.

    Remote shards are read ahead, and kept on this machine where `cache` says so; `close` ends that.

    With `follow` the manifest is read again at the end of each pass, and the next one is over the
    generations that are new in it, or over everything if none is; several ranks need `agree`.

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
        retry_s: float = RETRY_S,
        cache: CacheConfig | None = None,
        epoch_multiple: int = 1,
        follow: bool = False,
        agree: Agree | None = None,
    ) -> None:
        follower = Follower(urls, num_ranks=num_ranks, agree=agree) if follow else None
        found = open_shards(urls) if follower is None else follower.newest(0)
        super().__init__(
            lanes=found.lanes,
            rank=rank,
            num_ranks=num_ranks,
            fetcher=Fetcher(retry_s=retry_s, cache=ShardCache.open(cache)),
        )
        if follow and epoch_multiple > 1:
            raise ShardError("a growing data set is followed sample by sample: leave epoch_multiple at 1")
        self._settings = OrderSettings(
            lanes=found.lanes, seed=seed, shuffle=shuffle, window=window, epoch_multiple=epoch_multiple
        )
        self._follower = follower
        self._passes = PassReader(
            urls,
            found,
            self._settings,
            split=split,
            fetcher=self._fetcher,
            max_damaged_fraction=max_damaged_fraction,
            num_readers=num_ranks,
            follower=follower,
        )
        if dropped := self.num_samples % epoch_multiple:
            log.warning(
                "%d of %d samples are dropped in each epoch, others each time: it is cut to a multiple of %d",
                dropped, self.num_samples, epoch_multiple,
            )  # fmt: skip

    @property
    def version(self) -> str:
        """The version of the data set that new passes are over."""
        return self._passes.version

    @property
    def num_samples(self) -> int:
        """Samples of a pass over everything there is now, over all ranks."""
        return self._passes.num_samples

    @property
    def num_shards(self) -> int:
        """Shards that they lie in."""
        return self._passes.num_shards

    @property
    def num_substituted(self) -> int:
        """Damaged samples found so far."""
        return self._passes.num_substituted

    @property
    def decides_alone(self) -> bool:
        """Whether other readers of the same growing data set might take other passes than this one."""
        return self._follower is not None and self._follower.decides_alone

    def sample(self, slot: int) -> RawSample:
        """The sample of a global slot, wherever the reader is.

        Raises:
            TooManyDamagedError: more samples are damaged than the reader was told to bear.
            OSError: a shard cannot be read, after retries.
        """
        return self._passes.sample(slot, slot)

    def _place(self, slot: int) -> tuple[Shard, int] | None:
        return self._passes.place(slot)

    @property
    def _is_remote(self) -> bool:
        return self._passes.is_remote

    def _divide(self, num_readers: int) -> None:
        self._passes.divide(num_readers)

    def replacement(self, sample: RawSample, reason: str) -> RawSample:
        """Another sample for the slot of one that proved damaged at decoding; counted and remembered.

        Raises:
            TooManyDamagedError: more samples are damaged than the reader was told to bear.
        """
        return self._passes.replacement(sample.index, sample, reason)

    def state_dict(self, position: Position | None = None) -> dict[str, Any]:
        """Printable JSON from which `load_state_dict` goes on after the last sample that was yielded,
        or after the one that came with `position`."""
        slot = self._slot if position is None else position.slot
        return StreamState(slot=slot, order=self._settings, sources={"": self._passes.state(slot)}).to_dict()

    def load_state_dict(self, state: Mapping[str, Any], *, accept_new_shards: bool = False) -> None:
        """Go on from a saved position, on any number of ranks.

        With `accept_new_shards` a pass over an older version of the shards is finished, and the present
        one adopted after it. If the manifest of the older one is gone, what is left of the pass is given
        up; the log and the new state say so.

        Raises:
            ShardError: the state is of another dataset or order.
        """
        saved = StreamState.from_dict(state)
        if saved.segments:
            raise ShardError("saved position is one in a mixture, the reader has one data set")
        self._settings.check_same(saved.order)
        self._passes.restore(
            saved.sources[""],
            first_slot=saved.slot,
            end_slot=saved.slot,
            accept_new_shards=accept_new_shards,
        )
        self._slot = saved.slot
        self._fetcher.expect(None)
