"""Clips of sources whose frames are others after a seek: one decode from the start serves all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig, FormConfig
from curation.media.cutting import CuttingSandbox, Picture
from curation.media.sandbox import MediaStream
from curation.records import CutClip
from tests.curation.cutting import X264, all_clips, cut, pieces_of, probed, source_frames
from tests.curation.media.made import make, moving_picture

FORMS = CutConfig(forms=(FormConfig(), FormConfig(name="copy", mode="keyframe")), trim_bars=False)


def without(found: MediaStream[Picture], pts: set[int]) -> MediaStream[Picture]:
    return MediaStream(picture for picture in found if picture.pts not in pts)


def lose_after_seeks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """After a seek all clips lack their first frame. Fills a list with
    whether each decode began with a seek, and of how many clips it was."""
    decodes = list[tuple[bool, int]]()
    decode = CuttingSandbox.pictures

    def pictures(sandbox: CuttingSandbox, *args: Any, **kwargs: Any) -> MediaStream[Picture]:
        search, clips = kwargs["search"], kwargs["clips"]
        decodes.append((search, len(clips)))
        lost = {clip.start_pts for clip in clips} if search else set()
        return without(decode(sandbox, *args, **kwargs), lost)

    monkeypatch.setattr(CuttingSandbox, "pictures", pictures)
    return decodes


def stored(clip: CutClip) -> list[str]:
    refs = [clip.video, *(form.media for form in clip.other_forms), *(frame.media for frame in clip.frames)]
    return [ref.sha256 for ref in refs]


def test_one_decode_from_the_start_serves_all_that_a_seek_loses(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "long.mp4", *moving_picture("32x32", seconds=24), *X264)
    source = probed(path, workspace)
    pieces = pieces_of(source, source_frames(source), [100, 150, 200, 250, 500, 550, 600])
    plans = [*pieces[:3], *pieces[4:]]
    undisturbed = all_clips(cut(source, plans, workspace, FORMS))
    decodes = lose_after_seeks(monkeypatch)
    clips = all_clips(cut(source, plans, workspace, FORMS))
    assert [clip.start_pts for clip in clips] == [plan.start_pts for plan in plans]
    assert [stored(clip) for clip in clips] == [stored(clip) for clip in undisturbed]
    assert all(clip.other_forms for clip in clips)
    assert decodes == [(True, 3), (True, 1), (True, 2), (False, 5)]


def test_damage_costs_one_decode_from_the_start_and_takes_no_other_clip(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "long.mp4", *moving_picture("32x32", seconds=8), *X264)
    source = probed(path, workspace)
    plans = pieces_of(source, source_frames(source), [0, 50, 100, 150, 200])
    decode = CuttingSandbox.pictures

    def damaged(sandbox: CuttingSandbox, *args: Any, **kwargs: Any) -> MediaStream[Picture]:
        return without(decode(sandbox, *args, **kwargs), {plans[1].start_pts, plans[2].start_pts})

    monkeypatch.setattr(CuttingSandbox, "pictures", damaged)
    first, last, *lost = cut(source, plans, workspace)
    assert [first.parent_ids, last.parent_ids] == [(plans[0].clip_id,), (plans[3].clip_id,)]
    for plan, reject in zip(plans[1:3], lost, strict=True):
        assert isinstance(reject, Rejected)
        assert (reject.parent_id, reject.reason) == (plan.clip_id, Reason.DECODE_FAILED)
        assert "that the detector saw" in reject.detail
