"""What a reader must remember to go on exactly where it was: a few lines of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shards.reading.errors import ShardError

FORMAT = 2
_VERSION = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class OrderSettings:
    """What decides the order of a stream, beside the data; a saved position is worth nothing to others."""

    lanes: int
    seed: int
    shuffle: bool
    window: int
    epoch_multiple: int = 1

    def check_same(self, saved: OrderSettings) -> None:
        """Make sure that a saved position is of the same order.

        Raises:
            ShardError: a setting differs.
        """
        for name, theirs in asdict(saved).items():
            ours = getattr(self, name)
            if ours != theirs:
                raise _differs(name, ours, theirs)


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Passes, one after the other, over one list of shards.

    They fill the slots [`first_slot`, `end_slot`) (for ever where `end_slot` is None), with as many
    slots to each as `num_samples`, less what a cut to whole batches leaves out; `first_epoch` numbers the
    first. `manifest` is the version of the data set, `parts` those of its URLs where there are several;
    `generations` are the ones that are read, None for all. `substitutes` maps the number of a damaged
    sample to the one that is read in its place, so that the stream stays the same when the damage is
    mended, or found by another rank. `unread_before` counts the samples of the pass before that were
    given up since its manifest was gone.
    """

    manifest: str
    num_samples: int
    first_slot: int = 0
    end_slot: int | None = None
    first_epoch: int = 0
    parts: tuple[str, ...] = ()
    generations: tuple[str, ...] | None = None
    substitutes: Mapping[int, int] = field(default_factory=dict)
    unread_before: int = 0

    @property
    def versions(self) -> tuple[str, ...]:
        """The version at each URL."""
        return self.parts or (self.manifest,)

    def holds(self, slot: int) -> bool:
        """Whether a slot lies in these passes."""
        return self.first_slot <= slot and (self.end_slot is None or slot < self.end_slot)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is as usual is left out."""
        usual = {"parts": (), "generations": None, "unread_before": 0}
        values = {
            name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]
        }
        substitutes = {str(damaged): other for damaged, other in sorted(self.substitutes.items())}
        lists: dict[str, Any] = {
            name: list(values[name]) for name in ("parts", "generations") if name in values
        }
        return {**values, **lists, "substitutes": substitutes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Passes:
        """What `to_dict` gave; KeyError, TypeError or ValueError if it is not."""
        given = dict(values)
        given["substitutes"] = {int(key): int(other) for key, other in values["substitutes"].items()}
        for name in ("parts", "generations"):
            if given.get(name) is not None:
                given[name] = tuple(map(str, given[name]))
        passes = cls(**given)
        if not all(_VERSION.fullmatch(version) for version in (passes.manifest, *passes.parts)):
            raise ValueError(f"{passes.versions} are no versions of manifests")
        if passes.num_samples < 1 or passes.first_slot < 0:
            raise ValueError(f"num_samples = {passes.num_samples}, first_slot = {passes.first_slot}")
        return passes


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """The passes of one data set that are not over yet, the present one first."""

    split: str
    passes: tuple[Passes, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"split": self.split, "passes": [one.to_dict() for one in self.passes]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SourceState:
        """What `to_dict` gave; KeyError, TypeError or ValueError if it is not."""
        passes = tuple(Passes.from_dict(one) for one in values["passes"])
        if not passes:
            raise ValueError("there are no passes")
        return cls(split=str(values["split"]), passes=passes)

    def check_split(self, split: str) -> None:
        """Make sure that the position is one in this split.

        Raises:
            ShardError: it is one in another.
        """
        if split != self.split:
            raise _differs("split", split, self.split)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The shares of sources in a mixture, from a slot on. They add up to 1."""

    from_slot: int
    weights: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """Where a stream is: `slot` is the first global slot that was not consumed.

    A stream of one data set has it under the name "" and no segments. `notes` are for people to read:
    they are written by source, and not read back. `batch_size` is that by which a mixture counts the steps of
    its weights; None in states that do not say.
    """

    slot: int
    order: OrderSettings
    sources: Mapping[str, SourceState]
    segments: tuple[Segment, ...] = ()
    batch_size: int | None = None
    notes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        head = {"format": FORMAT, "slot": self.slot, **asdict(self.order)}
        sources = {
            name: {**self.notes.get(name, {}), **source.to_dict()}
            for name, source in sorted(self.sources.items())
        }
        if not self.segments:
            return {**head, **sources[""]}
        if self.batch_size is not None:
            head["batch_size"] = self.batch_size
        return {**head, "segments": [asdict(segment) for segment in self.segments], "sources": sources}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StreamState:
        """What `to_dict` gave.

        Raises:
            ShardError: it is not a reader's state, or one of another format.
        """
        if values.get("format") != FORMAT:
            raise ShardError(f"reader state: format is {values.get('format')!r}, expected {FORMAT}")
        try:
            sources = values["sources"] if "segments" in values else {"": values}
            state = cls(
                slot=int(values["slot"]),
                order=OrderSettings(**{name: values[name] for name in OrderSettings.__dataclass_fields__}),
                sources={str(name): SourceState.from_dict(source) for name, source in sources.items()},
                segments=tuple(
                    Segment(from_slot=int(one["from_slot"]), weights=_weights(one["weights"]))
                    for one in values.get("segments", ())
                ),
                batch_size=_batch_size(values.get("batch_size")),
            )
            if state.slot < 0 or [one.from_slot for one in state.segments][:1] not in ([], [0]):
                raise ValueError(f"slot = {state.slot}, segments = {state.segments}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ShardError(f"reader state: cannot be used ({error!r})") from error
        return state


def merge_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state of the states that the ranks hold at the same step: substitutes of all of them, and the
    passes that any of them knows of.

    Raises:
        ShardError: they are of different streams or positions.
    """
    if not states:
        raise ShardError("there are no states to merge")
    parsed = [StreamState.from_dict(state) for state in states]
    first = parsed[0]
    for other in parsed[1:]:
        first.order.check_same(other.order)
        if other.slot != first.slot:
            raise ShardError(f"ranks are at different slots: {first.slot} and {other.slot}")
        if other.batch_size != first.batch_size:
            raise ShardError(f"ranks count batches of {first.batch_size} and of {other.batch_size} samples")
        if other.segments != first.segments or other.sources.keys() != first.sources.keys():
            raise ShardError("ranks read different mixtures: their sources or weights differ")
    merged = {name: _merge_sources([one.sources[name] for one in parsed]) for name in first.sources}
    if not first.segments:
        return {**states[0], **merged[""].to_dict()}
    sources = {name: {**states[0]["sources"][name], **one.to_dict()} for name, one in merged.items()}
    return {**states[0], "sources": sources}


def other_manifest(saved: str, present: str, name: str = "") -> ShardError:
    """The refusal of a position in other shards."""
    which = f"source '{name}': " if name else ""
    return ShardError(
        f"{which}saved position is of manifest {saved}, the shards have {present}: the order would differ. "
        f"Point the reader at the shards of the first (kept as manifests/{saved}.json below the folder of "
        f"shards), or accept the new ones (--accept-new-shards)."
    )


def _merge_sources(sources: Sequence[SourceState]) -> SourceState:
    first = sources[0]
    longest = max(sources, key=lambda source: (len(source.passes), source.passes[-1].end_slot or 0))
    for source in sources:
        source.check_split(first.split)
        for one, other in zip(source.passes, longest.passes, strict=False):
            if (one.versions, one.first_slot, one.generations) != (
                other.versions,
                other.first_slot,
                other.generations,
            ):
                raise other_manifest(one.manifest, other.manifest)
    passes = tuple(
        replace(one, substitutes=_union([s.passes[n].substitutes for s in sources if n < len(s.passes)]))
        for n, one in enumerate(longest.passes)
    )
    return SourceState(split=first.split, passes=passes)


def _union(found: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """Substitutes of all ranks. One that itself proved damaged gives way to one that did not."""
    damaged = {number for one in found for number in one}
    chosen: dict[int, int] = {}
    for number in damaged:
        offered = sorted({one[number] for one in found if number in one})
        chosen[number] = next((other for other in offered if other not in damaged), offered[0])
    return chosen


def _batch_size(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"batch_size = {value!r}")
    return value


def _weights(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(weight) for name, weight in values.items()}


def _differs(name: str, ours: object, theirs: object) -> ShardError:
    return ShardError(
        f"saved position has {name} = {theirs!r}, the reader has {ours!r}: the order would "
        f"differ. Set {name} to {theirs!r}, or start from the beginning."
    )
