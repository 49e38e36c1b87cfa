"""Clips that are rendered in one decode: the same bytes as alone, and none takes another with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.cut import render
from curation.media.cutting import CuttingSandbox, Picture
from curation.media.sandbox import MediaStream
from curation.records import CutClip
from tests.curation.cutting import (
    X264,
    all_clips,
    cut,
    detected,
    pieces_of,
    plans_of,
    probed,
    source_frames,
)
from tests.curation.media.made import make, moving_picture, tone


def media_of(clip: CutClip) -> list[str]:
    refs = [clip.video, clip.audio, *(frame.media for frame in clip.frames)]
    return [ref.sha256 for ref in refs if ref is not None]


@pytest.mark.parametrize("name", ["multi_shot/sintel.mp4", "multi_shot/big_buck_bunny_480p.mp4"])
def test_bytes_do_not_depend_on_what_is_rendered_beside(
    name: str, shared_media: Path, workspace: Workspace
) -> None:
    source = probed(shared_media / name, workspace)
    plans = plans_of(source, detected(source, workspace))[:9]
    together = all_clips(cut(source, plans, workspace))
    by_twos = all_clips(cut(source, plans[1::2], workspace))
    alone = [all_clips(cut(source, [plan], workspace))[0] for plan in plans]
    assert [media_of(clip) for clip in together] == [media_of(clip) for clip in alone]
    assert [media_of(clip) for clip in by_twos] == [media_of(clip) for clip in alone[1::2]]
    assert [clip.digest() for clip in together] == [clip.digest() for clip in alone]


def test_one_decode_serves_neighbours_and_a_gap_is_not_decoded(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "long.mp4", *moving_picture(seconds=60), *tone(60), *X264)
    source = probed(path, workspace)
    frames = source_frames(source)
    pieces = pieces_of(source, frames, [0, 50, 100, 150, 1250, 1300, 1350])
    decodes = []
    decode = CuttingSandbox.pictures

    def noting(sandbox: CuttingSandbox, *args: Any, **kwargs: Any) -> MediaStream[Picture]:
        decodes.append(kwargs["clips"])
        return decode(sandbox, *args, **kwargs)

    monkeypatch.setattr(CuttingSandbox, "pictures", noting)
    clips = all_clips(cut(source, [*pieces[:3], *pieces[4:]], workspace))
    assert [clip.num_frames for clip in clips] == [50] * 5
    assert [len(each) for each in decodes] == [3, 2]


def test_a_damaged_clip_does_not_take_others_with_it(workspace: Workspace, tmp_path: Path) -> None:
    path = make(tmp_path / "whole.ts", *moving_picture(seconds=12), *tone(12), *X264, "-bf", "0")
    source = probed(path, workspace)
    frames = source_frames(source)
    plans = pieces_of(source, frames, [0, 75, 150, 225, 300])
    data = bytearray(path.read_bytes())
    middle = len(data) * 3 // 8
    data[middle : middle + len(data) // 16] = bytes(len(data) // 16)
    path.write_bytes(data)
    damaged = probed(path, workspace)
    found = cut(damaged, plans, workspace)
    assert [isinstance(each, CutClip) for each in found] == [True, True, True, False]
    rejected = found[-1]
    assert isinstance(rejected, Rejected)
    assert (rejected.parent_id, rejected.reason) == (plans[1].clip_id, Reason.DECODE_FAILED)
    assert [clip.num_frames for clip in found if isinstance(clip, CutClip)] == [75, 75, 75]


def test_two_threads_decode_as_one_does(
    shared_media: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("multi_shot/sintel.mp4", "odd/corrupted.mp4", "odd/h265_10bits.mp4"):
        source = probed(shared_media / name, workspace)
        plans = plans_of(source, detected(source, workspace))
        found = []
        for threads in (1, 2):
            monkeypatch.setattr(render, "_THREADS", threads)
            found.append([media_of(clip) for clip in all_clips(cut(source, plans, workspace))])
        assert found[0] == found[1]
