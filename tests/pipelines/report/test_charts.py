"""Histograms, curves, and words for numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.report.charts import bin_label, curve_chart, histogram_chart
from pipelines.report.data import Training
from pipelines.report.distributions import histogram
from pipelines.report.wording import clock, duration, size


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("spread", ["one", "same", "even", "tail"])
def test_histograms_lose_no_value(spread: str, whole: bool) -> None:
    values = {
        "one": np.array([4.0]),
        "same": np.full(30, 7.0),
        "even": np.arange(100, dtype=np.float64),
        "tail": np.concatenate([np.arange(500) % 9, [4000.0, 9000.0]]),
    }[spread]
    found = histogram("t", "seconds", "clips", values, whole=whole)
    assert found is not None
    assert sum(each.count for each in found.bins) == len(values)
    assert len(found.bins) <= 17
    for each, after in zip(found.bins, found.bins[1:], strict=False):
        assert each.high == after.low
        assert each.count == np.sum((values >= each.low) & (values < each.high))
    assert found.bins[-1].open_ended == (spread == "tail")
    chart = histogram_chart(found)
    assert all(mark.height >= 0 and mark.x + mark.width <= chart.frame.width for mark in chart.marks)


def test_bins_are_named() -> None:
    found = histogram("t", "claims", "clips", np.array([1.0, 2.0, 2.0]), whole=True)
    assert found is not None
    assert [bin_label(each) for each in found.bins] == ["1", "2"]
    found = histogram("t", "seconds", "clips", np.array([1.0, 9.5, 10.0]))
    assert found is not None
    assert [bin_label(each) for each in found.bins][:2] == ["1 to 2", "2 to 3"]
    assert histogram("t", "claims", "clips", np.zeros(0)) is None


def test_loss_curve_keeps_spikes_and_counts_what_is_no_number() -> None:
    losses = [(step, 1.0) for step in range(5000)]
    losses[1234] = (1234, 9.0)
    losses[50] = (50, float("nan"))
    chart = curve_chart(Training(losses=tuple(losses), samples_per_s=1.0))
    points = [tuple(map(float, point.split(","))) for point in chart.raw.split()]
    assert len(points) <= 402
    assert chart.dropped == 1
    assert min(y for _, y in points) < chart.frame.plot_height / 3
    assert curve_chart(Training(losses=(), samples_per_s=0.0)).raw == ""


def test_words_for_numbers() -> None:
    assert [duration(s) for s in (0.42, 42, 59.7, 200, 7500, 360_000)] == [
        "0.4 s", "42 s", "1 min", "3 min 20 s", "2 h 5 min", "100 h",
    ]  # fmt: skip
    assert [clock(s) for s in (7.44, 59.96, 3727.4)] == ["0:07.4", "1:00.0", "1:02:07.4"]
    assert [size(n) for n in (812, 1200, 35_400_000)] == ["812 bytes", "1.2 kB", "35 MB"]
