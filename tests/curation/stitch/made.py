"""Made-up sources and shots, and shots of real files at given frames."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from curation.base.records import round_score
from curation.base.rejects import Rejected
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.detect.cuts import differences
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import DecodedFrame, Sandbox
from curation.probe import Probe, ProbeConfig
from curation.records import Extent, Input, PlannedClip, Shot, SourceVideo
from curation.stitch.config import StitchConfig
from curation.stitch.stage import Stitch
from tests.sources import source_video

FRAME_PTS = 40
"""At 1/1000 s this is 25 frames per second."""

SOURCE = source_video()


def picture(scene: int) -> bytes:
    """A picture of blobs that only this scene has."""
    rng = np.random.default_rng(scene)
    coarse = rng.integers(40, 230, (3, 6, 3), dtype=np.uint8)
    return coarse.repeat(9, axis=0).repeat(8, axis=1).tobytes()


def shot(
    first: int,
    last: int,
    *,
    opened_by: str = "cut",
    scene: int = 0,
    black: tuple[int, int] = (0, 0),
    motion: float = 2.0,
) -> Shot:
    """A shot of frames `first` to `last` at 25 per second; `black` frames at its beginning and end."""
    lit_first, lit_last = first + black[0], last - black[1]
    lit = None
    if lit_first <= lit_last:
        lit = Extent(
            start_pts=lit_first * FRAME_PTS,
            end_pts=(lit_last + 1) * FRAME_PTS,
            start_frame=lit_first,
            last_frame=lit_last,
        )
    return Shot(
        shot_id=f"shot{first}",
        video_id="v",
        stream=0,
        start_pts=first * FRAME_PTS,
        end_pts=(last + 1) * FRAME_PTS,
        time_base="1/1000",
        start_s=first * FRAME_PTS / 1000,
        end_s=(last + 1) * FRAME_PTS / 1000,
        start_frame=first,
        last_frame=last,
        opened_by=opened_by,
        score=1.0,
        lit=lit,
        motion=motion,
        first_image=picture(scene),
        last_image=picture(scene),
    )


def stitch(
    shots: Sequence[Shot],
    workspace: Workspace,
    config: StitchConfig | None = None,
    source: SourceVideo = SOURCE,
) -> tuple[list[PlannedClip], list[Rejected]]:
    """Planned clips and rejects; every shot is the parent of at least one."""
    stage = Stitch(config or StitchConfig(), workspace)
    stage.setup()
    found = list(stage([Group(source.video_id, {"shots": tuple(shots), "source": (source,)})]))
    clips = [each for each in found if isinstance(each, PlannedClip)]
    rejects = [each for each in found if isinstance(each, Rejected)]
    assert {parent for each in found for parent in each.parent_ids} == {each.shot_id for each in shots}
    return clips, rejects


def probed(path: Path, workspace: Workspace) -> SourceVideo:
    """What a file is."""
    given = Input(input_id=path.name, uri=str(path), size_bytes=path.stat().st_size, fingerprint="", batch=0)
    (source,) = Probe(ProbeConfig(), workspace)([given])
    assert isinstance(source, SourceVideo), source
    return source


def decoded(source: SourceVideo, width_px: int = 48, height_px: int = 27) -> list[DecodedFrame]:
    """All frames of a source, at the detectors' size."""
    frames = Sandbox(DEFAULT_LIMITS).frames(
        Path(source.uri),
        source.container,
        source.video.index,
        width_px=width_px,
        height_px=height_px,
    )
    return list(frames)


def shots_at(source: SourceVideo, frames: Sequence[DecodedFrame], cuts: Sequence[int]) -> list[Shot]:
    """The shots of a source with cuts before the given frames, nothing of them black."""
    pts = [frame.pts for frame in frames]
    pts.append(2 * pts[-1] - pts[-2])
    tick = Fraction(source.video.time_base)
    bounds = [0, *cuts, len(frames)]
    found = []
    for first, after in itertools.pairwise(bounds):
        extent = Extent(start_pts=pts[first], end_pts=pts[after], start_frame=first, last_frame=after - 1)
        change = differences(np.stack([frame.image for frame in frames[first:after]]))[1:]
        made = replace(
            shot(first, after - 1, opened_by="cut" if first else "start"),
            video_id=source.video_id,
            stream=source.video.index,
            start_pts=extent.start_pts,
            end_pts=extent.end_pts,
            time_base=source.video.time_base,
            start_s=round(float(extent.start_pts * tick), 6),
            end_s=round(float(extent.end_pts * tick), 6),
            lit=extent,
            motion=round_score(change.mean()) if len(change) else 0.0,
            first_image=frames[first].image.tobytes(),
            last_image=frames[after - 1].image.tobytes(),
        )
        found.append(made)
    return found
