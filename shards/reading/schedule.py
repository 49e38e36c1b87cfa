"""Which source of a mixture fills a slot: a pure function of (weights by segment, lanes, slot).

Global slot g belongs to lane l = g mod C and tick t = g div C. A lane mixes for itself, so that a rank
needs the shards of its own lanes only. Lane and tick give a point u = (t * step + l * stride / C) mod 1 on
a circle that is divided among the sources in the order of their names, each as wide as its share.

- `step` is the golden ratio: a lane takes each source evenly, off its share by a few samples after
  millions of ticks.
- `stride` has no factor in common with C, so the points of a tick are spaced equally, and so are those
  of the lanes of any rank: in a tick, and in a rank's part of it, each source is within one sample of
  its share. Being near C / golden ratio it also mixes lanes that follow each other.

All is done in integers. The number of ticks before t at which a lane's point fell below a border is a
sum of floor((a + b * t) / m), which takes O(log m) to find: so the place of a slot in the stream of its
source follows without replay. A source's stream has C lanes too; the n-th sample that lane l takes from a
source fills slot n * C + l there.

Weights change between segments, at any slot. Counts go on over them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise

from shards.reading.errors import ShardError
from shards.reading.state import Segment

GOLDEN = 0x9E3779B97F4A7C15
"""The golden ratio's fraction, times 2**64."""
LANE_SCALE = 1 << 32
SHARE_DIGITS = 9
"""Digits that shares are kept with: below what 32 bits per lane resolve."""


class Schedule:
    """Finds the source of any slot. `segments` begin with one at slot 0, in the order of their slots."""

    def __init__(self, segments: Sequence[Segment], lanes: int) -> None:
        self.segments = tuple(segments)
        self._lanes = lanes
        self._circle = lanes * LANE_SCALE
        self._step = self._circle * GOLDEN >> 64
        self._stride = _stride(lanes)
        self._names = sorted({name for segment in segments for name in segment.weights})
        self._borders = [self._divide(segment) for segment in segments]
        self._starts = [segment.from_slot for segment in segments]
        # What a lane took before a segment: asked for again with every sample.
        self._taken_before = lru_cache(maxsize=4096)(self._count_before)

    def place(self, slot: int) -> tuple[str, int]:
        """The source of a slot, and the slot of the source's stream that it is."""
        tick, lane = divmod(slot, self._lanes)
        borders, point = self._borders[self._segment_at(slot)], self._point(tick, lane)
        name = next(name for name in self._names if point < borders[name][1])
        return name, self.taken(name, lane, tick) * self._lanes + lane

    def bounds(self, name: str, slot: int) -> tuple[int, int]:
        """Of a source's stream when all global slots below `slot` are consumed: the first slot that is
        not, and the end of those that are."""
        taken = [self.taken(name, lane, self._ticks(slot, lane)) for lane in range(self._lanes)]
        first = min(count * self._lanes + lane for lane, count in enumerate(taken))
        end = max((count - 1) * self._lanes + lane + 1 for lane, count in enumerate(taken))
        return first, max(end, 0)

    def total(self, name: str, slot: int) -> int:
        """How many samples of a source fill the global slots below `slot`."""
        ends = [*self._starts[1:], slot]
        return sum(
            self._total_in(name, number, min(end, slot)) - self._total_in(name, number, first)
            for number, (first, end) in enumerate(zip(self._starts, ends, strict=True))
            if first < slot
        )

    def _segment_at(self, slot: int) -> int:
        return max(bisect_right(self._starts, slot) - 1, 0)

    def _ticks(self, slot: int, lane: int) -> int:
        """How many of the slots below `slot` are a lane's."""
        return (slot - lane + self._lanes - 1) // self._lanes

    def _phase(self, lane: int) -> int:
        return lane * self._stride % self._lanes * LANE_SCALE

    def _point(self, tick: int, lane: int) -> int:
        return (tick * self._step + self._phase(lane)) % self._circle

    def taken(self, name: str, lane: int, tick: int) -> int:
        """How many samples of a source a lane takes before a tick."""
        number = self._segment_at(tick * self._lanes + lane)
        return self._taken_before(name, lane, number) + self._count(name, lane, number, tick)

    def _count_before(self, name: str, lane: int, number: int) -> int:
        """What a lane took in the segments before one."""
        return sum(self._count(name, lane, n, self._ticks(self._starts[n + 1], lane)) for n in range(number))

    def _count(self, name: str, lane: int, number: int, end: int) -> int:
        """What a lane took in a segment before a tick."""
        low, high = self._stretch(name, number)
        first, phase = self._ticks(self._starts[number], lane), self._phase(lane)
        inside = self._below(high, phase, end) - self._below(high, phase, first)
        return inside - self._below(low, phase, end) + self._below(low, phase, first)

    def _below(self, border: int, phase: int, ticks: int) -> int:
        """At how many of the first ticks a lane's point lies below a border."""
        if border in (0, self._circle):
            return ticks if border else 0
        return (
            ticks
            + floor_sum(ticks, self._circle, self._step, phase)
            - floor_sum(ticks, self._circle, self._step, phase + self._circle - border)
        )

    def _total_in(self, name: str, number: int, slot: int) -> int:
        """What all lanes would take before a slot, were the weights always those of a segment."""
        low, high = self._stretch(name, number)
        ticks, begun = divmod(slot, self._lanes)
        part = sum(low <= self._point(ticks, lane) < high for lane in range(begun))
        return self._all_below(high, ticks) - self._all_below(low, ticks) + part

    def _all_below(self, border: int, ticks: int) -> int:
        """The same as `_below`, of all lanes: their points are spaced by 1 / C, so one floor sums them."""
        lines = (floor_sum(ticks, LANE_SCALE, self._step, start) for start in (0, self._circle - border))
        return self._lanes * ticks + next(lines) - next(lines)

    def _stretch(self, name: str, number: int) -> tuple[int, int]:
        return self._borders[number].get(name, (0, 0))

    def _divide(self, segment: Segment) -> dict[str, tuple[int, int]]:
        """The stretch of the circle of each source."""
        weights = [Fraction(segment.weights.get(name, 0)) for name in self._names]
        total = sum(weights)
        borders = [int(part * self._circle / total) for part in accumulate(weights, initial=Fraction(0))]
        return dict(zip(self._names, pairwise(borders), strict=True))


def plan(weights: Mapping[str, Sequence[tuple[int, float]]], *, slots_per_step: int) -> tuple[Segment, ...]:
    """Segments of the weights that each source has from some steps on (none before the first).

    Raises:
        ShardError: a weight or step is negative, or all weights are 0 for a while.
    """
    for name, changes in weights.items():
        for step, weight in changes:
            if step < 0 or not (weight >= 0 and math.isfinite(weight)):
                raise ShardError(f"source '{name}': weight {weight} from step {step}: both must be 0 or more")
    segments: list[Segment] = []
    for step in sorted({0, *(step for changes in weights.values() for step, _ in changes)}):
        present = {name: _weight_at(changes, step) for name, changes in sorted(weights.items())}
        total = math.fsum(present.values())
        if not total:
            raise ShardError(
                f"all sources of the mixture have weight 0 from step {step} on: give one a weight"
            )
        shares = {name: round(weight / total, SHARE_DIGITS) for name, weight in present.items() if weight}
        if not segments or segments[-1].weights != shares:
            segments.append(Segment(from_slot=step * slots_per_step, weights=shares))
    return tuple(segments)


def replan(saved: Sequence[Segment], planned: Sequence[Segment], slot: int) -> tuple[Segment, ...]:
    """What was until a slot, and what is planned from there on."""
    past = [segment for segment in saved if segment.from_slot < slot]
    coming = _from(planned, slot)
    if past and past[-1].weights == coming[0].weights:
        coming = coming[1:]
    return (*past, *coming)


def same_from(one: Sequence[Segment], other: Sequence[Segment], slot: int) -> bool:
    """Whether two plans agree from a slot on."""
    return _from(one, slot) == _from(other, slot)


def weights_at(segments: Sequence[Segment], slot: int) -> Mapping[str, float]:
    """The shares at a slot."""
    return _from(segments, slot)[0].weights


def floor_sum(count: int, modulus: int, slope: int, start: int) -> int:
    """The sum of floor((slope * i + start) / modulus) for i in range(count), in O(log modulus).

    The area under a line is turned about as in Euclid's algorithm.
    """
    total = 0
    while count:
        total += count * (count - 1) // 2 * (slope // modulus) + count * (start // modulus)
        slope, start = slope % modulus, start % modulus
        highest = slope * count + start
        if highest < modulus:
            break
        count, start, modulus, slope = highest // modulus, highest % modulus, slope, modulus
    return total


def _weight_at(changes: Sequence[tuple[int, float]], step: int) -> float:
    begun = [(since, number, weight) for number, (since, weight) in enumerate(changes) if since <= step]
    return max(begun)[2] if begun else 0.0


def _from(segments: Sequence[Segment], slot: int) -> list[Segment]:
    """The segments from a slot on, the first of them cut to begin there."""
    present = [segment for segment in segments if segment.from_slot <= slot][-1]
    return [replace(present, from_slot=slot), *(one for one in segments if one.from_slot > slot)]


def _stride(lanes: int) -> int:
    """The number nearest to lanes / golden ratio that has no factor in common with the lanes."""
    wanted = lanes * GOLDEN / 2**64
    fitting = (number for number in range(1, lanes + 1) if math.gcd(number, lanes) == 1)
    return min(fitting, key=lambda number: abs(number - wanted))
