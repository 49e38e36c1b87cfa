"""One data set as an endless stream of samples by slot: found, read, and replaced where damaged."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from curation.base.storage import is_local
from shards.reading.damage import DamageCount
from shards.reading.errors import DamagedSampleError, ShardError, TooManyDamagedError
from shards.reading.fetch import Fetcher
from shards.reading.follow import Follower
from shards.reading.index import Entry
from shards.reading.manifest import Shard, ShardList
from shards.reading.order import Order
from shards.reading.pass_plan import PassPlan
from shards.reading.randomness import integer
from shards.reading.samples import RawSample
from shards.reading.state import OrderSettings, Passes, SourceState

SUBSTITUTE_TRIES = 16
OPEN_PASSES = 8
"""Lists of shards whose order is kept ready: the present one and those near it, for reading and ahead."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """The shards of some passes, and their order."""

    shards: Sequence[Shard]
    order: Order


class PassReader:
    """Finds and reads the sample of any slot of one data set, for several threads at once.

    `found` is what the URLs name at present; `name` is the data set's in a mixture. `num_readers` divide
    its passes among them, of which this is one.

    Raises:
        ShardError: there is nothing in the split, or less than `settings.epoch_multiple`.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        found: ShardList,
        settings: OrderSettings,
        *,
        split: str,
        fetcher: Fetcher,
        max_damaged_fraction: float,
        num_readers: int,
        follower: Follower | None = None,
        name: str = "",
    ) -> None:
        self._settings = settings
        self._order_seed = integer(2**63, "source", settings.seed, name) if name else settings.seed
        self._fetcher = fetcher
        self._damage = DamageCount(max_damaged_fraction, num_readers)
        self._name = name
        self._lock = threading.RLock()
        self._opened: OrderedDict[tuple[object, ...], _Opened] = OrderedDict()
        self._plan = PassPlan(
            urls, found, split=split, epoch_multiple=settings.epoch_multiple, follower=follower, name=name
        )

    @property
    def version(self) -> str:
        """The version that new passes are over."""
        return self._plan.newest.version

    @property
    def num_samples(self) -> int:
        """Samples of a pass over all of that version."""
        return self._plan.num_samples

    @property
    def num_shards(self) -> int:
        """Shards that they lie in."""
        return self._plan.num_shards

    @property
    def num_substituted(self) -> int:
        """Damaged samples found so far."""
        with self._lock:
            return sum(len(passes.substitutes) for passes in self._plan.passes)

    @property
    def is_remote(self) -> bool:
        """Whether any tar of the passes does not lie on this machine."""
        with self._lock:
            lists = [self._plan.newest.shards, *(self._open(one).shards for one in self._plan.passes)]
        return any(not is_local(shard.storage.url) for shards in lists for shard in shards)

    @property
    def is_simple(self) -> bool:
        """Whether there is one list of shards for all passes."""
        return len(self._plan.passes) == 1

    def divide(self, num_readers: int) -> None:
        """Tell how many readers the passes are divided among."""
        with self._lock:
            self._damage.num_readers = num_readers

    def epoch(self, slot: int) -> int:
        """The number of the pass that a slot lies in."""
        with self._lock:
            return self._open(self._plan.passes[self._at(slot)]).order.epoch(slot)

    def place(self, slot: int) -> tuple[Shard, int] | None:
        """The shard and row of a slot's sample, as far as the passes are decided."""
        with self._lock:
            at = self._plan.at(slot)
            if at is None:
                return None
            # Another order than that of reading, which keeps its open windows: this one is far ahead.
            passes = self._plan.passes[at]
            opened = self._open(passes, ahead=True)
            number = opened.order.sample(slot)
            place = opened.order.place(passes.substitutes.get(number, number))
            return opened.shards[place.shard], place.row

    def sample(self, slot: int, index: int) -> RawSample:
        """The sample of a slot of this source, which fills the global slot `index`.

        Raises:
            TooManyDamagedError: more samples are damaged than may be.
            OSError: a shard cannot be read, after retries.
        """
        with self._lock:
            opened, number = self._find(slot)
            epoch = opened.order.epoch(slot)
            self._damage.draw(epoch, damaged=number != opened.order.sample(slot))
        return self._read(slot, index)

    def _read(self, slot: int, index: int) -> RawSample:
        while True:
            with self._lock:
                opened, number = self._find(slot)
                epoch = opened.order.epoch(slot)
            shard, entry = self._entry(opened, number)
            try:
                members = self._fetcher.members(shard, entry)
            except DamagedSampleError as damage:
                self._replace(slot, number, str(damage))
            else:
                return RawSample(entry.key, index, epoch, members, shard.url, self._name)

    def replacement(self, slot: int, sample: RawSample, reason: str) -> RawSample:
        """Another sample for the slot of one that proved damaged at decoding.

        Raises:
            TooManyDamagedError: more samples are damaged than may be.
        """
        with self._lock:
            opened, number = self._find(slot)
        # Where the sample was in flight twice, it has been replaced already.
        if self._entry(opened, number)[1].key == sample.key:
            self._replace(slot, number, f"{sample.shard}: {sample.key}: {reason}")
        return self._read(slot, sample.index)

    def state(self, first_slot: int) -> SourceState:
        """What the passes from a slot on are."""
        with self._lock:
            return self._plan.state(first_slot)

    def restore(self, saved: SourceState, *, first_slot: int, end_slot: int, accept_new_shards: bool) -> None:
        """Go on with saved passes, where all slots below `first_slot` were consumed, and none from
        `end_slot` on.

        Raises:
            ShardError: they are over other shards.
        """
        with self._lock:
            self._plan.restore(
                saved, first_slot=first_slot, end_slot=end_slot, accept_new_shards=accept_new_shards
            )
            for at in range(len(self._plan.passes)):
                self._settle(at)
            self._damage.restart()

    def _at(self, slot: int) -> int:
        self._plan.reach(slot)
        at = self._plan.at(slot)
        if at is None:
            raise ShardError(
                f"{self._plan.prefix}slot {slot} lies before the position that the stream was set to"
            )
        return at

    def _find(self, slot: int) -> tuple[_Opened, int]:
        """The number of the sample that is read for a slot."""
        passes = self._plan.passes[self._at(slot)]
        opened = self._open(passes)
        number = opened.order.sample(slot)
        return opened, passes.substitutes.get(number, number)

    def _open(self, passes: Passes, *, ahead: bool = False) -> _Opened:
        key = (passes.manifest, passes.generations, passes.first_slot, passes.first_epoch, ahead)
        if key not in self._opened:
            self._opened[key] = self._make_order(passes)
            if len(self._opened) > OPEN_PASSES:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]

    def _make_order(self, passes: Passes) -> _Opened:
        shards, settings = self._plan.shards(passes), self._settings
        order = Order(
            [shard.num_samples for shard in shards],
            lanes=settings.lanes,
            seed=self._order_seed,
            window=settings.window,
            shuffle=settings.shuffle,
            first_slot=passes.first_slot,
            first_epoch=passes.first_epoch,
            multiple=settings.epoch_multiple,
        )
        return _Opened(shards, order)

    def _entry(self, opened: _Opened, number: int) -> tuple[Shard, Entry]:
        place = opened.order.place(number)
        shard = opened.shards[place.shard]
        return shard, self._fetcher.index(shard)[place.row]

    def _replace(self, slot: int, number: int, reason: str) -> None:
        """Find a substitute for a sample, and for all that it was the substitute of."""
        with self._lock:
            if self._find(slot)[1] != number:
                return
            log.warning("%sdamaged sample replaced: %s", self._plan.prefix, reason)
            at = self._at(slot)
            passes = self._plan.passes[at]
            damaged = {**passes.substitutes, number: number}
            epoch = self._open(passes).order.epoch(slot)
            self._damage.draw(epoch, damaged=True)
            num_drawn, num_damaged = self._damage.of(epoch)
            allowed = self._damage.allowed(epoch, passes.num_samples)
            if num_damaged > allowed:
                raise TooManyDamagedError(
                    f"{self._plan.prefix}{num_damaged} damaged samples of {num_drawn} that this reader drew "
                    f"of a pass over {passes.num_samples}, more than the {allowed} allowed; the last: "
                    f"{reason}. Run `cliploom shards verify`, or raise max_damaged_fraction."
                )
            self._plan.passes[at] = replace(passes, substitutes=damaged)
            self._settle(at)

    def _settle(self, at: int) -> None:
        """Make sure that no damaged sample stands in for another."""
        passes = self._plan.passes[at]
        damaged = dict(passes.substitutes)
        for number, substitute in passes.substitutes.items():
            if substitute in damaged:
                damaged[number] = self._choose(self._open(passes), number, damaged)
        self._plan.passes[at] = replace(passes, substitutes=damaged)

    def _choose(self, opened: _Opened, number: int, damaged: Mapping[int, int]) -> int:
        """The first sound sample of a sequence drawn for `number`: the same one in whatever order,
        and on whichever rank, damage is found."""
        for attempt in range(SUBSTITUTE_TRIES):
            candidate = integer(opened.order.num_samples, "substitute", self._settings.seed, number, attempt)
            if candidate in damaged:
                continue
            try:
                self._fetcher.members(*self._entry(opened, candidate))
            except DamagedSampleError:
                continue
            return candidate
        raise TooManyDamagedError(
            f"{self._plan.prefix}no sound substitute for sample {number} among {SUBSTITUTE_TRIES} drawn"
        )
