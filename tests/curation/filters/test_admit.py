"""Thresholds decide, every score is kept, and a reject says what to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from curation.base.records import from_arrow, to_arrow
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.filters.admit import Admit
from curation.filters.base import FilterStage
from curation.filters.config import FiltersConfig
from curation.filters.motion import MotionConfig
from curation.filters.stages import filter_stages
from curation.records import Clip, CutClip, NamedScore, Score
from pipelines.dag import Dag, Node
from tests.curation.filters.made import made, panned, score_of

BUILT_IN = ("motion", "static", "blur", "letterbox", "text_area", "audio_silence")


def scored(clip: CutClip, config: FiltersConfig, workspace: Workspace) -> dict[str, Score]:
    scores = {}
    for stage in filter_stages(config, workspace):
        stage.setup()
        (scores[stage.filter],) = stage([clip])
    return scores


def admitted(
    clip: CutClip, scores: dict[str, Score], config: FiltersConfig, workspace: Workspace
) -> Clip | Rejected:
    records = {"clips": (clip,), **{name: (score,) for name, score in scores.items()}}
    (found,) = Admit(config, workspace)([Group(clip.clip_id, records)])
    return found


@pytest.fixture
def clip(workspace: Workspace) -> CutClip:
    return made(workspace, panned(1.2, 200))


def test_a_clip_keeps_every_score_in_the_order_of_the_configuration(
    workspace: Workspace, clip: CutClip
) -> None:
    config = FiltersConfig()
    scores = scored(clip, config, workspace)
    found = admitted(clip, scores, config, workspace)
    assert isinstance(found, Clip)
    assert tuple(scores) == BUILT_IN
    assert found.scores == tuple(NamedScore(filter=name, value=scores[name].value) for name in BUILT_IN)
    assert found.parent_ids == (clip.clip_id,)
    assert {**found.to_dict(), "scores": None} == {**clip.to_dict(), "scores": None}
    assert from_arrow(Clip, to_arrow(Clip, [found])) == [found]


def test_a_reject_names_every_filter_it_failed_and_what_to_change(
    workspace: Workspace, clip: CutClip
) -> None:
    config = FiltersConfig.model_validate(
        {"motion": {"min": 0.9}, "audio_silence": {"max": 0.5}, "static": {"max": 0.5}}
    )
    scores = scored(clip, config, workspace)
    found = admitted(clip, scores, config, workspace)
    assert isinstance(found, Rejected)
    assert (found.rejected_id, found.parent_id) == (clip.clip_id, clip.clip_id)
    assert (found.stage, found.reason) == ("admit", Reason.FILTERED)
    motion = scores["motion"].value
    assert found.detail == (
        f"motion {motion:g} is below curation.filters.motion.min = 0.9; "
        "audio_silence 1 is above curation.filters.audio_silence.max = 0.5 (clip at 0.00 s)"
    )
    assert not scores["motion"].passes
    assert not scores["audio_silence"].passes
    assert scores["static"].passes
    assert 0.2 < motion < 0.9


def test_both_ends_of_the_range_pass(workspace: Workspace, clip: CutClip) -> None:
    value = score_of("motion", clip, workspace).value
    assert score_of("motion", clip, workspace, min=value, max=value).passes
    assert not score_of("motion", clip, workspace, min=value + 0.0001).passes
    assert not score_of("motion", clip, workspace, max=value - 0.0001).passes


def test_a_filter_left_out_is_neither_measured_nor_asked_for(workspace: Workspace, clip: CutClip) -> None:
    config = FiltersConfig.model_validate({"text_area": None, "blur": None})
    names = [stage.filter for stage in filter_stages(config, workspace)]
    assert names == ["motion", "static", "letterbox", "audio_silence"]
    assert list(Admit(config, workspace).inputs) == ["clips", *names]
    found = admitted(clip, scored(clip, config, workspace), config, workspace)
    assert isinstance(found, Clip)
    assert [score.filter for score in found.scores] == names


def test_a_clip_that_a_filter_could_not_measure_is_rejected(workspace: Workspace, clip: CutClip) -> None:
    scores = scored(clip, FiltersConfig(), workspace)
    del scores["blur"]
    found = admitted(clip, scores, FiltersConfig(), workspace)
    assert isinstance(found, Rejected)
    assert found.reason == Reason.WORKER_DIED
    assert "no score of blur" in found.detail


def test_the_stages_fit_together(workspace: Workspace) -> None:
    config = FiltersConfig()
    stages = filter_stages(config, workspace)
    nodes = [Node(stage, {"input": "cut"}) for stage in stages]
    inputs = {"clips": "cut", **{stage.filter: stage.name for stage in stages}}
    dag = Dag("cut", CutClip, (*nodes, Node(Admit(config, workspace), inputs)))
    assert dag.output_type("admit") is Clip
    assert dag["admit"].primary == "clips"
    assert len({node.stage.key() for node in dag}) == len(BUILT_IN) + 1


def test_thresholds_are_part_of_the_key(workspace: Workspace) -> None:
    keys = {
        filter_stages(FiltersConfig(motion=MotionConfig(max=limit)), workspace)[0].key()
        for limit in (None, 1.0, 2.0)
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"motion": {"min": 2, "max": 1}}, "min = 2 is above max = 1"),
        ({"static": {"max": 1.5}}, "static.max"),
        ({"motion": {"threshold": 1}}, "motion.threshold"),
        ({"safety": {"classifier": {"model": "a/b"}, "unsafe_labels": ["nsfw"]}}, "40 hex digits"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FiltersConfig.model_validate(section)


class Broken(FilterStage):
    name = "filter_motion"
    version = "1"

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float]:
        return (math.nan for _ in clips)


def test_a_value_that_is_no_number_is_an_error(workspace: Workspace, clip: CutClip) -> None:
    with pytest.raises(ValueError, match=f"filter_motion measured nan of clip {clip.clip_id}"):
        list(Broken(MotionConfig(), workspace)([clip]))


def test_the_default_rejects_only_what_shows_nothing(workspace: Workspace) -> None:
    ground = np.zeros((256, 456, 3), np.uint8)
    config = FiltersConfig()
    black = made(workspace, [ground] * 12, name="black")
    still = made(workspace, [panned(0.1, 0)[0]] * 12, name="still")
    found = [admitted(each, scored(each, config, workspace), config, workspace) for each in (black, still)]
    assert isinstance(found[0], Rejected)
    assert "letterbox 1 is above curation.filters.letterbox.max = 0.6" in found[0].detail
    assert isinstance(found[1], Clip)
