"""Puts a rendered clip into the unit's media tar and describes it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from curation.base import ids
from curation.base.media_store import MediaRef, MediaTar
from curation.base.records import round_score
from curation.cut.clip_files import Rendered
from curation.cut.forms import Video
from curation.cut.look import Look
from curation.cut.rules import Span, duration
from curation.records import CutClip, Form, Frame, PlannedClip

_TIME_DECIMALS = 6


def store_clip(
    plan: PlannedClip,
    span: Span,
    videos: Sequence[Video],
    flac: bytes | None,
    rendered: Rendered,
    look: Look,
    tar: MediaTar,
) -> CutClip:
    """Append a clip's files to `tar`, the members of the clip side by side, and return its record.

    `videos` are its forms, the main one first, which lies where the clip does.
    """
    time_base = Fraction(plan.time_base)
    clip_id = ids.clip_id(plan.video_id, plan.stream, span.start_pts, span.end_pts, plan.time_base)
    main, *others = [_form(clip_id, video, time_base, tar) for video in videos]
    audio = None if flac is None else tar.add(f"{clip_id}.flac", "flac", flac)
    duration_s = float(duration(span, plan.time_base))
    return CutClip(
        clip_id=clip_id,
        plan_id=plan.clip_id,
        video_id=plan.video_id,
        shot_ids=plan.shot_ids,
        shot_starts_s=_shot_starts(plan, span),
        stream=plan.stream,
        start_pts=span.start_pts,
        end_pts=span.end_pts,
        time_base=plan.time_base,
        start_s=_seconds(span.start_pts, time_base),
        end_s=_seconds(span.end_pts, time_base),
        duration_s=round(duration_s, _TIME_DECIMALS),
        num_frames=len(main.frame_times_s),
        fps=round_score(len(main.frame_times_s) / duration_s),
        width_px=main.width_px,
        height_px=main.height_px,
        frame_times_s=main.frame_times_s,
        keyframes=main.keyframes,
        mode=main.mode,
        video=main.media,
        audio=audio,
        frames=_frames(clip_id, rendered, look, time_base, tar),
        other_forms=tuple(others),
        crop=look.crop,
    )


def _shot_starts(plan: PlannedClip, span: Span) -> tuple[float, ...]:
    starts = {max(0, pts - span.start_pts) for pts in plan.shot_start_pts if pts < span.end_pts}
    return tuple(_seconds(pts, Fraction(plan.time_base)) for pts in sorted(starts))


def _form(clip_id: str, video: Video, time_base: Fraction, tar: MediaTar) -> Form:
    return Form(
        name=video.name,
        mode=video.mode,
        start_pts=video.span.start_pts,
        end_pts=video.span.end_pts,
        width_px=video.size_px[0],
        height_px=video.size_px[1],
        frame_times_s=tuple(_seconds(pts, time_base) for pts in video.written.frame_pts),
        keyframes=video.written.keyframes,
        media=_add(clip_id, video, tar),
    )


def _add(clip_id: str, video: Video, tar: MediaTar) -> MediaRef:
    suffix = "mp4" if video.name == "mp4" else f"{video.name}.mp4"
    return tar.add(f"{clip_id}.{suffix}", video.name, video.written.path.read_bytes())


def _frames(
    clip_id: str, rendered: Rendered, look: Look, time_base: Fraction, tar: MediaTar
) -> tuple[Frame, ...]:
    width_px, height_px = look.frame_size_px
    frames = []
    for number, (index, data) in enumerate(sorted(rendered.frames.items())):
        form = f"frame_{number:03d}"
        frames.append(
            Frame(
                time_s=_seconds(rendered.frame_pts[index], time_base),
                width_px=width_px,
                height_px=height_px,
                media=tar.add(f"{clip_id}.{form}.jpg", form, data),
            )
        )
    return tuple(frames)


def _seconds(pts: int, time_base: Fraction) -> float:
    return round(float(pts * time_base), _TIME_DECIMALS)
