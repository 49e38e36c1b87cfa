"""Steps of the cut tests: sources, plans, clips, and the comparison of clips with their source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from curation.base.ids import clip_id
from curation.base.rejects import Rejected
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig
from curation.cut.stage import Cut
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodedFrame, Sandbox
from curation.probe import Probe, ProbeConfig
from curation.records import CutClip, Input, PlannedClip, Shot, SourceVideo

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50")
"""Encoder settings for made-up sources, with frames out of order."""


def probed(path: Path, workspace: Workspace) -> SourceVideo:
    size = path.stat().st_size
    found = Input(input_id=path.name, uri=str(path), size_bytes=size, fingerprint="", batch=0)
    (source,) = Probe(ProbeConfig(), workspace)([found])
    assert isinstance(source, SourceVideo), source
    return source


def detected(source: SourceVideo, workspace: Workspace) -> list[Shot]:
    found = list(ContentDetector(ContentDetectorConfig(), workspace)([source]))
    shots = [each for each in found if isinstance(each, Shot)]
    assert len(shots) == len(found)
    return shots


def plan_of(source: SourceVideo, start_pts: int, end_pts: int, frames: tuple[int, int]) -> PlannedClip:
    """A clip of its own, without a shot; `frames` are the numbers of its first and its last frame."""
    stream, time_base = source.video.index, source.video.time_base
    name = clip_id(source.video_id, stream, start_pts, end_pts, time_base)
    unit_s = Fraction(time_base)
    return PlannedClip(
        clip_id=name,
        video_id=source.video_id,
        shot_ids=(f"shot-{name}",),
        shot_start_pts=(start_pts,),
        stream=stream,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=time_base,
        start_s=float(start_pts * unit_s),
        end_s=float(end_pts * unit_s),
        start_frame=frames[0],
        last_frame=frames[1],
        motion=1.0,
    )


def plans_of(source: SourceVideo, shots: Sequence[Shot]) -> list[PlannedClip]:
    """A clip for each shot."""
    return [
        plan_of(source, shot.start_pts, shot.end_pts, (shot.start_frame, shot.last_frame)) for shot in shots
    ]


def pieces_of(
    source: SourceVideo, frames: Sequence[DecodedFrame], bounds: Sequence[int]
) -> list[PlannedClip]:
    """Clips between neighbouring frame numbers; the number of all frames stands for the end."""
    pts = [frame.pts for frame in frames]
    pts.append(pts[-1] + (pts[-1] - pts[-2] if len(pts) > 1 else 1))
    return [plan_of(source, pts[first], pts[end], (first, end - 1)) for first, end in pairwise(bounds)]


def whole(source: SourceVideo, frames: Sequence[DecodedFrame]) -> PlannedClip:
    """One clip of all frames."""
    (plan,) = pieces_of(source, frames, [0, len(frames)])
    return plan


def cut(
    source: SourceVideo,
    plans: Sequence[PlannedClip],
    workspace: Workspace,
    config: CutConfig | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> list[CutClip | Rejected]:
    group = Group(source.video_id, {"plans": tuple(plans), "source": (source,)})
    found = list(Cut(config or CutConfig(), workspace, limits)([group]))
    leftovers = [path for path in workspace.scratch.rglob("*") if "cut-" in path.name]
    assert leftovers == []
    return found


def clips_of(path: Path, workspace: Workspace, config: CutConfig | None = None) -> list[CutClip]:
    source = probed(path, workspace)
    return all_clips(cut(source, plans_of(source, detected(source, workspace)), workspace, config))


def all_clips(found: Sequence[CutClip | Rejected]) -> list[CutClip]:
    clips = [each for each in found if isinstance(each, CutClip)]
    assert len(clips) == len(found), found
    return clips


def small_frames(
    path: Path, container: str, stream: int, size_px: tuple[int, int] = (48, 27)
) -> list[DecodedFrame]:
    width_px, height_px = size_px
    frames = Sandbox(DecodeLimits()).frames(path, container, stream, width_px=width_px, height_px=height_px)
    return list(frames)


def source_frames(source: SourceVideo) -> list[DecodedFrame]:
    return small_frames(Path(source.uri), source.container, source.video.index)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def check_clips(
    clips: Sequence[CutClip | Rejected], source: SourceVideo, workspace: Workspace, tmp_path: Path
) -> None:
    """Number, times and content of the clips' frames are those of the source between the clips' pts."""
    frames = source_frames(source)
    for clip in clips:
        assert isinstance(clip, CutClip), clip
        check_form(clip, frames, workspace, tmp_path)
    check_caption_frames([clip for clip in clips if isinstance(clip, CutClip)], source, frames, workspace)


def check_form(clip: CutClip, frames: Sequence[DecodedFrame], workspace: Workspace, tmp_path: Path) -> None:
    time_base = Fraction(clip.time_base)
    expected = [frame for frame in frames if clip.start_pts <= frame.pts < clip.end_pts]
    assert expected[0].pts == clip.start_pts
    form = tmp_path / "form.mp4"
    form.write_bytes(workspace.media.read(clip.video))
    facts = Sandbox(DecodeLimits()).probe(form)
    assert facts.video is not None
    assert (facts.video.width_px, facts.video.height_px) == (clip.width_px, clip.height_px)
    assert facts.video.rotation_deg == 0
    assert (facts.num_audio_streams, facts.video.pixel_format) == (0, "yuv420p")
    written = small_frames(form, "mov", 0)
    assert len(written) == len(expected) == clip.num_frames == len(clip.frame_times_s)
    unit = Fraction(facts.video.time_base)
    assert [frame.pts * unit for frame in written] == [
        (frame.pts - clip.start_pts) * time_base for frame in expected
    ]
    assert clip.frame_times_s == tuple(round(float(frame.pts * unit), 6) for frame in written)
    for index in {0, 1, len(written) // 2, len(written) - 1} & set(range(len(written))):
        assert distance(written[index].image, expected[index].image) < 4, index
    assert [index for index, frame in enumerate(written) if frame.key] == list(clip.keyframes)


def check_caption_frames(
    clips: Sequence[CutClip], source: SourceVideo, frames: Sequence[DecodedFrame], workspace: Workspace
) -> None:
    """Each JPEG shows the source's frame at its time: none of those around is nearer."""
    ((width, height),) = {(frame.width_px, frame.height_px) for clip in clips for frame in clip.frames}
    number = {frame.pts: index for index, frame in enumerate(frames)}
    wanted = [
        (frame, number[clip.start_pts] + clip.frame_times_s.index(frame.time_s))
        for clip in clips
        for frame in clip.frames
    ]
    near = {index + step for _, index in wanted for step in (-2, -1, 0, 1, 2)}
    stream = Sandbox(DecodeLimits()).frames(
        *(Path(source.uri), source.container, source.video.index),
        width_px=width,
        height_px=height,
        gray=True,
    )
    pictures = {index: frame.image for index, frame in enumerate(stream) if index in near}
    for frame, at in wanted:
        data = np.frombuffer(workspace.media.read(frame.media), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert image.shape == (height, width)
        around = [index for index in range(at - 2, at + 3) if index in pictures]
        distances = {index: distance(image, pictures[index]) for index in around}
        assert distances[at] <= min(distances.values()) + 0.05, (frame.time_s, distances)
        assert distances[at] < 3
