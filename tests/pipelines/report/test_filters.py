"""What filters measured, in charts and on the cards of clips."""

from __future__ import annotations

import numpy as np
import pytest

from captioning.records import CaptionGate
from curation.filters.config import FiltersConfig
from curation.records import Score
from pipelines.report.charts import histogram_chart
from pipelines.report.data import FilterLimits
from pipelines.report.distributions import histogram
from pipelines.report.filters import WORDS, passing
from tests.pipelines.report.made import Run, data_of
from tests.pipelines.report.page import Page


def test_filters_show_what_they_measured_and_turned_down(run: Run, page: Page) -> None:
    motion, blur = data_of(run).filters
    assert (motion.outside, blur.outside) == (0, 4)
    assert sum(each.count for each in blur.histogram.bins) == 24
    assert "Motion median" in page.text
    assert "measured only" in page.text
    assert "passes up to 8; 4 clips outside" in page.text
    assert page.text.count("blur 12.5") == 1 + 4, "in the detail of one reject, and on each of four cards"


def test_clips_that_filters_turned_down_are_shown_with_their_scores(run: Run, page: Page) -> None:
    shown_clips = data_of(run).turned_down
    failed = {score.clip_id for score in run.records[Score] if not score.passes}
    assert {clip.clip_id for clip in shown_clips} == failed
    for clip in shown_clips:
        assert clip.thumbnail is not None
        assert [(score.label, score.passes) for score in clip.scores] == [("motion", True), ("blur", False)]
    classes = [value for value in page.values("class") if value in ("passed", "failed")]
    gates = [name in gate.failed for gate in run.records[CaptionGate] for name in ("words", "similarity")]
    assert classes.count("failed") == 4 + gates.count(True)
    assert classes.count("passed") == 4 + 20 * 2 + gates.count(False)
    assert "4 of 4. Marked scores lie outside their thresholds." in page.text
    kept = data_of(run).clips[0]
    assert [score.label for score in kept.scores] == ["motion", "blur"]
    assert all(score.passes for score in kept.scores)


def test_every_filter_has_its_words() -> None:
    assert list(WORDS) == list(FiltersConfig.model_fields)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (None, None, "measured only"),
        (0.5, None, "passes from 0.5"),
        (None, 3.0, "passes up to 3"),
        (0.5, 3.0, "passes from 0.5 to 3"),
    ],
)
def test_shades_lie_outside_the_thresholds(low: float | None, high: float | None, said: str) -> None:
    limits = FilterLimits(name="motion", min=low, max=high)
    found = histogram("t", "u", "clips", np.linspace(0, 4, 41))
    assert found is not None
    assert passing(limits) == said
    chart = histogram_chart(found, limits)
    assert len(chart.shades) == (low is not None) + (high is not None)
    turned_down = [
        any(shade.x <= mark.x + mark.width / 2 <= shade.x + shade.width for shade in chart.shades)
        for mark in chart.marks
    ]
    middles = [(each.low + each.high) / 2 for each in found.bins]
    assert turned_down == [not (low or 0) <= middle <= (high or 9) for middle in middles]
    assert histogram_chart(found, FilterLimits(name="motion", min=-1.0, max=9.0)).shades == ()
