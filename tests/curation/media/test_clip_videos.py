"""What stages see of clips: stream copies are packets of the source, so they are decoded in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from captioning.records import Caption
from captioning.video.measured import MeasuredVideoCaptioner, MeasuredVideoConfig
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig, FormConfig
from curation.filters.config import FiltersConfig
from curation.filters.stages import filter_stages
from curation.fingerprint.records import Fingerprint
from curation.fingerprint.stage import FingerprintConfig, Fingerprinter
from curation.media.clip_videos import ClipVideos
from curation.media.limits import DEFAULT_LIMITS
from curation.records import Clip, CutClip, Score
from tests.curation.cutting import all_clips, cut, probed, source_frames, whole
from tests.curation.media.made import make, moving_picture

FORMS = {mode: CutConfig(forms=(FormConfig(mode=mode),), trim_bars=False) for mode in ("exact", "keyframe")}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """3 s with frames out of order, at a rate whose times no decimal number holds."""
    picture = moving_picture("480x320", rate="30000/1001", seconds=3)
    return make(tmp_path / "source.mp4", *picture, "-c:v", "libx264", "-bf", "2", "-g", "20")


@pytest.fixture
def clips(source: Path, workspace: Workspace) -> dict[str, CutClip]:
    """The same stretch by mode of its form."""
    record = probed(source, workspace)
    plan = whole(record, source_frames(record))
    return {mode: all_clips(cut(record, [plan], workspace, form))[0] for mode, form in FORMS.items()}


def stages(workspace: Workspace) -> list[Map[Any, Any]]:
    """Every stage that looks at a clip's video."""
    found: list[Map[Any, Any]] = [
        *filter_stages(FiltersConfig(), workspace),
        Fingerprinter(FingerprintConfig(), workspace),
        MeasuredVideoCaptioner(MeasuredVideoConfig(), workspace),
    ]
    for stage in found:
        stage.setup()
    return found


def seen_by(stage: Map[Any, Any], clip: CutClip) -> object:
    values = {field.name: getattr(clip, field.name) for field in fields(CutClip)}
    (found,) = stage([clip if issubclass(CutClip, stage.input) else Clip(**values, scores=())])
    return found


def test_stream_copies_are_not_decoded_in_process(
    clips: dict[str, CutClip], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = stages(workspace)
    usual = [seen_by(stage, clips["exact"]) for stage in looking]

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("untrusted media opened in process")

    monkeypatch.setattr(av, "open", refused)
    found = [seen_by(stage, clips["keyframe"]) for stage in looking]
    assert [type(each) for each in found] == [type(each) for each in usual]
    assert {Score, Fingerprint, Caption} <= {type(each) for each in found}
    for mine, theirs in zip(found, usual, strict=True):
        if isinstance(mine, Score) and isinstance(theirs, Score):
            assert mine.value == pytest.approx(theirs.value, rel=0.1, abs=0.02), mine.filter
        elif isinstance(mine, Fingerprint) and isinstance(theirs, Fingerprint):
            hashes = [np.array(each.hashes, np.int64).view(np.uint64) for each in (mine, theirs)]
            assert np.bitwise_count(hashes[0] ^ hashes[1]).max() <= 4
    assert list(workspace.scratch.rglob("clip-*")) == []


def luma(pictures: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([each.astype(np.int16) for each in pictures])


@pytest.mark.parametrize("step_s", [0.01, 0.1, 0.125, 5.0])
def test_the_same_frames_come_out_of_a_copy(
    step_s: float, clips: dict[str, CutClip], workspace: Workspace
) -> None:
    videos = ClipVideos(workspace.media, workspace.scratch, DEFAULT_LIMITS)
    mine, theirs = (list(videos.every(clips[mode], step_s)) for mode in ("keyframe", "exact"))
    assert [time_s for time_s, _ in mine] == pytest.approx([time_s for time_s, _ in theirs], abs=1e-5)
    assert {picture.shape for _, picture in mine} == {(256, 384)}
    assert np.abs(luma([a for _, a in mine]) - luma([a for _, a in theirs])).mean() < 4


@pytest.mark.parametrize("count", [1, 8, 64])
def test_the_same_middles_come_out_of_a_copy(
    count: int, clips: dict[str, CutClip], workspace: Workspace
) -> None:
    videos = ClipVideos(workspace.media, workspace.scratch, DEFAULT_LIMITS)
    mine, theirs = (videos.even(clips[mode], count) for mode in ("keyframe", "exact"))
    assert len(mine) == len(theirs) == count
    assert (np.abs(luma(mine) - luma(theirs)).mean(axis=(1, 2)) < 5).all()


def test_a_copy_that_cannot_be_decoded_is_rejected(clips: dict[str, CutClip], workspace: Workspace) -> None:
    clip = clips["keyframe"]
    with workspace.media.new_tar("cut") as tar:
        broken = tar.add("broken.mp4", "mp4", workspace.media.read(clip.video)[: clip.video.size_bytes // 2])
    for stage in stages(workspace):
        found = seen_by(stage, replace(clip, video=broken))
        if stage.name in (
            "filter_motion",
            "filter_static",
            "filter_letterbox",
            "fingerprint",
            "caption_video",
        ):
            assert isinstance(found, Rejected), stage.name
            assert (found.parent_id, found.stage) == (clip.clip_id, stage.name)
            assert found.reason in (Reason.DECODE_FAILED, Reason.UNREADABLE)
        else:
            assert isinstance(found, Score)
