"""What the filters measured, and what their thresholds turned down."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from captioning.records import CaptionGate
from curation.records import NamedScore, Score
from pipelines.report.counting import Values
from pipelines.report.data import FilterChart, FilterLimits, ScoreView
from pipelines.report.distributions import histogram
from pipelines.report.run_records import RunRecords
from pipelines.report.telling import GATES
from pipelines.report.wording import quantity, words

WORDS: Mapping[str, tuple[str, str]] = {
    "motion": ("motion", "frame diagonals per second"),
    "static": ("standstill", "share of the time"),
    "blur": ("blur", "thousandths of the short side"),
    "letterbox": ("black bars", "share of the picture"),
    "text_area": ("text", "share of the picture"),
    "audio_silence": ("silence", "share of the time"),
    "aesthetics": ("aesthetics", "rating"),
    "safety": ("unsafe", "probability"),
}
"""What the page calls each filter's score, and its unit."""


@dataclass(frozen=True)
class FilterCounts:
    """The scores of a run by filter; `turned_down` are the ids of clips that failed any filter."""

    values: Mapping[str, Values]
    outside: Mapping[str, int]
    turned_down: pa.Array


def count_scores(records: RunRecords) -> FilterCounts:
    """One pass over the scores."""
    parts: dict[str, list[Values]] = defaultdict(list)
    outside: Counter[str] = Counter()
    failed = [pa.array([], pa.string())]
    for batch in records.batches(Score, ["filter", "value", "passes", "clip_id"]):
        fails = pc.invert(batch.column("passes"))
        failed.append(batch.column("clip_id").filter(fails).cast(pa.string()))
        outside.update(batch.column("filter").filter(fails).to_pylist())
        for name in pc.unique(batch.column("filter")).to_pylist():
            chosen = batch.column("value").filter(pc.equal(batch.column("filter"), name))
            parts[name].append(chosen.to_numpy(zero_copy_only=False))
    values = {name: np.concatenate(found) for name, found in parts.items()}
    return FilterCounts(values, outside, pc.unique(pa.chunked_array(failed)))


def filter_charts(filters: Iterable[FilterLimits], counts: FilterCounts) -> Iterator[FilterChart]:
    """A histogram of every filter that has scores, in the order of the configuration."""
    for limits in filters:
        label, unit = WORDS[limits.name]
        found = histogram(label.capitalize(), unit, "clips", counts.values.get(limits.name, np.zeros(0)))
        if found is not None:
            yield FilterChart(histogram=found, limits=limits, outside=counts.outside.get(limits.name, 0))


def passing(limits: FilterLimits) -> str:
    """Which scores a filter lets through: 'passes from 0.1 to 0.6', 'measured only'."""
    low, high = limits.min, limits.max
    if low is not None and high is not None:
        return f"passes from {quantity(low)} to {quantity(high)}"
    if low is not None:
        return f"passes from {quantity(low)}"
    return "measured only" if high is None else f"passes up to {quantity(high)}"


def score_views(scores: Sequence[NamedScore | Score]) -> tuple[ScoreView, ...]:
    """The scores of one clip in the page's words."""
    places = {name: place for place, name in enumerate(WORDS)}
    return tuple(
        ScoreView(
            label=WORDS[score.filter][0],
            value=score.value,
            unit=WORDS[score.filter][1],
            passes=score.passes if isinstance(score, Score) else True,
        )
        for score in sorted(scores, key=lambda score: places[score.filter])
    )


def gate_views(gate: CaptionGate | None) -> tuple[ScoreView, ...]:
    """What the gates measured of a clip's fused caption, in the page's words."""
    if gate is None:
        return ()
    places = {name: place for place, name in enumerate(GATES)}
    ordered = sorted(gate.scores, key=lambda score: (places.get(score.filter, len(places)), score.filter))
    return tuple(
        ScoreView(label=label, value=score.value, unit=unit, passes=score.filter not in gate.failed)
        for score in ordered
        for label, unit in [GATES.get(score.filter, (words(score.filter), ""))]
    )
