"""Where the marks of a chart go, in the coordinates of its SVG; the templates draw them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.report.data import Bin, FilterLimits, Histogram, Training
from pipelines.report.distributions import round_step
from pipelines.report.wording import count, quantity

LEFT, RIGHT, TOP, BOTTOM = 46, 18, 12, 42
Y_STEPS = 3
WIDEST_BAR = 44
X_LABELS = 7
GAP = 1.5
MOST_POINTS = 400
SMOOTH_ABOVE = 40
SMOOTH_SHARE = 0.05
"""Curves of more points get a running mean over this share of them."""


@dataclass(frozen=True)
class Frame:
    """The size of a chart and of the plot inside its axes."""

    width: int
    height: int
    left: int = LEFT
    top: int = TOP

    @property
    def plot_width(self) -> int:
        """Width between the axes' ends."""
        return self.width - LEFT - RIGHT

    @property
    def right(self) -> int:
        """Where the plot ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        """Where the plot's base line is."""
        return self.height - BOTTOM

    @property
    def plot_height(self) -> int:
        """Height between the axes' ends."""
        return self.height - TOP - BOTTOM


HISTOGRAM = Frame(width=340, height=200)
CURVE = Frame(width=640, height=250)


@dataclass(frozen=True)
class Tick:
    """A label on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A bar with the words that describe it."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Shade:
    """A stretch of the x axis that thresholds turn down; `edge` is where the threshold lies."""

    x: float
    width: float
    edge: float


@dataclass(frozen=True)
class HistogramChart:
    """A histogram laid out."""

    frame: Frame
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shades: tuple[Shade, ...] = ()


@dataclass(frozen=True)
class CurveChart:
    """A curve laid out: `raw` and `smooth` are points of SVG polylines; `dropped` counts losses that
    are no numbers."""

    frame: Frame
    raw: str
    smooth: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    dropped: int


def histogram_chart(data: Histogram, limits: FilterLimits | None = None) -> HistogramChart:
    """Bars from zero, over axes with round ticks; what lies outside of `limits` is shaded."""
    tallest = max(each.count for each in data.bins)
    step = round_step(max(tallest, 1), Y_STEPS, whole=True)
    top = step * math.ceil(max(tallest, 1) / step)
    frame = HISTOGRAM
    width = frame.plot_width / len(data.bins)
    bar_width = min(max(width - GAP, 1), WIDEST_BAR)
    marks = []
    for place, each in enumerate(data.bins):
        height = frame.plot_height * each.count / top
        marks.append(
            Mark(
                x=_r(LEFT + place * width + (width - bar_width) / 2),
                y=_r(frame.bottom - height),
                width=_r(bar_width),
                height=_r(height),
                label=f"{bin_label(each)}: {count(each.count)} {data.y_label}",
            )
        )
    y_ticks = [
        Tick(_r(frame.bottom - frame.plot_height * i * step / top), count(i * step))
        for i in range(int(top / step) + 1)
    ]
    x_ticks = tuple(_bin_ticks(data.bins, width))
    shades = () if limits is None else tuple(_shades(data.bins, limits))
    return HistogramChart(frame, tuple(marks), x_ticks, tuple(y_ticks), shades)


def spread(data: Histogram) -> str:
    """'median 4, from 3.2 to 4.6', 'all 0'."""
    if data.minimum == data.maximum:
        return f"all {quantity(data.median)}"
    return f"median {quantity(data.median)}, from {quantity(data.minimum)} to {quantity(data.maximum)}"


def bin_label(each: Bin) -> str:
    """'4 to 5', '7' for a single whole number, '20 and more'."""
    if each.open_ended:
        return f"{quantity(each.low)} and more"
    if each.single:
        return quantity(each.low)
    return f"{quantity(each.low)} to {quantity(each.high)}"


def curve_chart(training: Training) -> CurveChart:
    """The loss over steps; long curves are thinned to their extremes, and smoothed besides."""
    points = [(step, loss) for step, loss in training.losses if math.isfinite(loss)]
    dropped = len(training.losses) - len(points)
    if not points:
        return CurveChart(CURVE, "", "", (), (), dropped)
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    x_first, x_last = min(steps), max(max(steps), min(steps) + 1)
    y_step = round_step((max(losses) - min(losses)) or max(abs(losses[0]), 1e-9), Y_STEPS)
    y_first = y_step * math.floor(min(losses) / y_step)
    y_last = y_step * max(math.ceil(max(losses) / y_step), round(y_first / y_step) + 1)

    def place(step: float, loss: float) -> tuple[float, float]:
        x = LEFT + CURVE.plot_width * (step - x_first) / (x_last - x_first)
        return _r(x), _r(TOP + CURVE.plot_height * (y_last - loss) / (y_last - y_first))

    x_step = round_step(x_last - x_first, X_LABELS - 2, whole=True)
    x_values = range(math.ceil(x_first / x_step), math.floor(x_last / x_step) + 1)
    y_values = range(round(y_first / y_step), round(y_last / y_step) + 1)
    smooth = _running_mean(points) if len(points) > SMOOTH_ABOVE else []
    return CurveChart(
        frame=CURVE,
        raw=_polyline([place(*point) for point in _thinned(points)]),
        smooth=_polyline([place(*point) for point in _thinned(smooth)]),
        x_ticks=tuple(Tick(place(i * x_step, y_first)[0], count(i * x_step)) for i in x_values),
        y_ticks=tuple(Tick(place(x_first, i * y_step)[1], quantity(round(i * y_step, 9))) for i in y_values),
        dropped=dropped,
    )


def _bin_ticks(bins: Sequence[Bin], width: float) -> list[Tick]:
    """Whole numbers stand below the middle of their bar, edges below the gaps between bars."""
    every = max(1, math.ceil(len(bins) / X_LABELS))
    if all(each.single or each.open_ended for each in bins):
        return [
            Tick(_r(LEFT + (place + 0.5) * width), quantity(each.low) + ("+" if each.open_ended else ""))
            for place, each in enumerate(bins)
            if place % every == 0 or (each.open_ended and place % every > every / 2)
        ]
    edges = [each.low for each in bins] + ([] if bins[-1].open_ended else [bins[-1].high])
    return [
        Tick(_r(LEFT + place * width), quantity(edge))
        for place, edge in enumerate(edges)
        if place % every == 0
    ]


def _shades(bins: Sequence[Bin], limits: FilterLimits) -> Iterator[Shade]:
    """From either end of the axis to the threshold, where that lies on the axis."""
    first, step = bins[0].low, bins[0].high - bins[0].low

    def place(value: float) -> float:
        share = (value - first) / (step * len(bins))
        return LEFT + HISTOGRAM.plot_width * min(max(share, 0), 1)

    if limits.min is not None and limits.min > first:
        edge = place(limits.min)
        yield Shade(_r(LEFT), _r(edge - LEFT), _r(edge))
    if limits.max is not None and (bins[-1].open_ended or limits.max < bins[-1].high):
        edge = place(limits.max)
        yield Shade(_r(edge), _r(HISTOGRAM.right - edge), _r(edge))


def _running_mean(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    reach = max(1, round(len(points) * SMOOTH_SHARE / 2))
    sums = [0.0]
    for _, loss in points:
        sums.append(sums[-1] + loss)
    result = []
    for place, (step, _) in enumerate(points):
        first, last = max(0, place - reach), min(len(points), place + reach + 1)
        result.append((step, (sums[last] - sums[first]) / (last - first)))
    return result


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The lowest and the highest point of each stretch, so that no spike disappears."""
    stretch = math.ceil(len(points) / (MOST_POINTS / 2))
    if stretch <= 2:
        return list(points)
    kept: list[tuple[int, float]] = []
    for first in range(0, len(points), stretch):
        part = points[first : first + stretch]
        extremes = {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
        kept += sorted(extremes)
    return kept


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _r(value: float) -> float:
    return round(value, 1)
