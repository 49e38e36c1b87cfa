"""Which shards each pass over a data set is over: at the start, after a resume, and as more arrive."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from shards.reading.errors import ManifestGoneError, ShardError
from shards.reading.follow import Follower, unread_generations
from shards.reading.manifest import Shard, ShardList, open_version
from shards.reading.state import Passes, SourceState, other_manifest

log = logging.getLogger(__name__)


class PassPlan:
    """The passes of one data set so far. `found` is what the URLs name at present.

    Raises:
        ShardError: there is nothing in the split, or less than `epoch_multiple`.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        found: ShardList,
        *,
        split: str,
        epoch_multiple: int,
        follower: Follower | None,
        name: str,
    ) -> None:
        self._urls = urls
        self._split = split
        self._multiple = epoch_multiple
        self._follower = follower
        self._name = name
        self.newest = found
        self.passes = [self._whole(found)]

    @property
    def prefix(self) -> str:
        """How messages about this data set begin."""
        return f"source '{self._name}': " if self._name else ""

    @property
    def num_samples(self) -> int:
        """Samples of a pass over everything there is now."""
        return _count(self.newest.of_split(self._split))

    @property
    def num_shards(self) -> int:
        """Shards that they lie in."""
        return sum(shard.num_samples > 0 for shard in self.newest.of_split(self._split))

    def reach(self, slot: int) -> None:
        """Decide which passes there are up to a slot.

        Raises:
            ShardError: a new manifest cannot be used.
        """
        while (end := self.passes[-1].end_slot) is not None and end <= slot:
            self._decide_next(end)

    def at(self, slot: int) -> int | None:
        """Where in the list the passes stand that a slot lies in, if they are decided."""
        return next((number for number, passes in enumerate(self.passes) if passes.holds(slot)), None)

    def shards(self, passes: Passes) -> tuple[Shard, ...]:
        """The shards that some passes are over.

        Raises:
            ManifestGoneError: they are those of an older manifest, which was not kept.
        """
        shards = self._version(passes).of_split(self._split)
        if passes.generations is not None:
            shards = tuple(shard for shard in shards if shard.generation in passes.generations)
        if _count(shards) != passes.num_samples:
            raise ShardError(
                f"reader state: {passes.num_samples} samples in a pass over manifest {passes.manifest}, "
                f"which has {_count(shards)}"
            )
        return shards

    def state(self, first_slot: int) -> SourceState:
        """The passes from a slot on."""
        return SourceState(split=self._split, passes=_from(self.passes, first_slot))

    def restore(self, saved: SourceState, *, first_slot: int, end_slot: int, accept_new_shards: bool) -> None:
        """Go on with saved passes, where all slots below `first_slot` were consumed, and none from
        `end_slot` on.

        Raises:
            ShardError: they are over other shards.
        """
        saved.check_split(self._split)
        passes = list(_from(saved.passes, first_slot))
        last = passes[-1]
        if self._follower is not None:
            if last.end_slot is None:
                passes[-1] = replace(last, end_slot=self._pass_end(last, max(end_slot, last.first_slot + 1)))
        elif last.manifest != self.newest.version:
            if not accept_new_shards:
                raise other_manifest(last.manifest, self.newest.version, self._name)
            passes = self._with_newest(passes, end_slot)
        elif last.end_slot is not None:
            passes.append(self._whole(self.newest, last.end_slot, self._epoch_after(last, last.end_slot)))
        try:
            for one in passes:
                self.shards(one)
        except ManifestGoneError as error:
            if not accept_new_shards:
                raise ShardError(f"{self.prefix}the pass under way cannot be finished: {error}") from error
            passes = [self._given_up(_from(saved.passes, first_slot)[0], first_slot, end_slot, error)]
        self.passes = passes

    def _with_newest(self, passes: list[Passes], end_slot: int) -> list[Passes]:
        """The same up to the end of the pass that `end_slot` is in, and then the newest version."""
        last = passes[-1]
        end = self._pass_end(last, max(end_slot, last.first_slot))
        rest = [replace(last, end_slot=end)] if end > last.first_slot else []
        log.warning(
            "%snew shards: version %s from slot %d on, when the pass over version %s is finished",
            self.prefix, self.newest.version, end, last.manifest,
        )  # fmt: skip
        return [*passes[:-1], *rest, self._whole(self.newest, end, self._epoch_after(last, end))]

    def _given_up(self, passes: Passes, first_slot: int, end_slot: int, error: ManifestGoneError) -> Passes:
        """The newest version from the present slot on, instead of the rest of a pass."""
        if first_slot != end_slot:
            raise ShardError(
                f"{self.prefix}the pass under way cannot be finished: {error}. Put that manifest back, or "
                "give the new shards to the mixture under another name."
            ) from error
        end = self._pass_end(passes, first_slot)
        log.warning(
            "%snew shards: %s. The %d samples that were left of that pass are not read; a pass over version "
            "%s begins at slot %d",
            self.prefix, error, end - first_slot, self.newest.version, first_slot,
        )  # fmt: skip
        newest = self._whole(self.newest, first_slot, self._epoch_after(passes, end))
        return replace(newest, unread_before=end - first_slot)

    def _decide_next(self, slot: int) -> None:
        assert self._follower is not None
        last = self.passes[-1]
        number = self._epoch_after(last, slot)
        newest = self._follower.newest(number)
        new = unread_generations(newest, self._version(last), self._split)
        following = self._whole(newest, slot, number)
        if new:
            size = _count([s for s in newest.of_split(self._split) if s.generation in new])
            following = replace(following, generations=new, num_samples=size, end_slot=slot + size)
            log.info("pass %d is over new generations: %s (%d samples)", number, ", ".join(new), size)
        elif (last.manifest, last.generations) == (newest.version, None):
            self.passes[-1] = replace(last, end_slot=slot + last.num_samples)
            return
        self.newest = newest
        self.passes.append(following)

    def _whole(self, found: ShardList, first_slot: int = 0, first_epoch: int = 0) -> Passes:
        """Passes over a whole version: for ever, or one where more may come."""
        size = _count(found.of_split(self._split))
        if size < self._multiple:
            raise ShardError(
                f"{self.prefix}{size} samples in split '{self._split}' are fewer than the {self._multiple} "
                "whose multiple an epoch shall be"
            )
        return Passes(
            manifest=found.version,
            parts=found.parts if len(found.parts) > 1 else (),
            num_samples=size,
            first_slot=first_slot,
            end_slot=None if self._follower is None else first_slot + size,
            first_epoch=first_epoch,
        )

    def _version(self, passes: Passes) -> ShardList:
        if passes.manifest == self.newest.version:
            return self.newest
        return open_version(self._urls, self.newest, passes.versions)

    def _slots(self, passes: Passes) -> int:
        """Slots of one pass."""
        return passes.num_samples // self._multiple * self._multiple

    def _pass_end(self, passes: Passes, slot: int) -> int:
        """The end of the pass that the slot before `slot` lies in."""
        slots = self._slots(passes)
        return passes.first_slot + -(-(slot - passes.first_slot) // slots) * slots

    def _epoch_after(self, passes: Passes, end_slot: int) -> int:
        """The number of the pass that follows when these end with a slot."""
        return passes.first_epoch + (end_slot - passes.first_slot) // self._slots(passes)


def _from(passes: Sequence[Passes], slot: int) -> tuple[Passes, ...]:
    """The passes that are not over before a slot; the last one where nothing more was decided yet."""
    return tuple(one for one in passes if one.end_slot is None or one.end_slot > slot) or (passes[-1],)


def _count(shards: Sequence[Shard]) -> int:
    return sum(shard.num_samples for shard in shards)
