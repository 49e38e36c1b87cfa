"""Puts a rendered clip into the unit's media tar and describes it."""

from __future__ import annotations

from fractions import Fraction

from curation.base.media_store import MediaTar
from curation.base.records import round_score
from curation.cut.graph import Rendering
from curation.cut.render import Rendered
from curation.cut.rules import Span, duration
from curation.records import Clip, Frame, Shot

_TIME_DECIMALS = 6


def store_clip(
    clip_id: str, shot: Shot, span: Span, rendering: Rendering, rendered: Rendered, tar: MediaTar
) -> Clip:
    """Append a clip's files to `tar`, the members of the clip side by side, and return its record."""
    time_base = Fraction(shot.time_base)
    times_s = tuple(_seconds(pts, time_base) for pts in rendered.written.frame_pts)
    video = tar.add(f"{clip_id}.mp4", "mp4", rendered.video.read_bytes())
    audio = None
    if rendered.audio is not None:
        audio = tar.add(f"{clip_id}.flac", "flac", rendered.audio.read_bytes())
    frames = []
    for number, (index, path) in enumerate(sorted(rendered.frames.items())):
        form = f"frame_{number:03d}"
        frames.append(
            Frame(
                time_s=times_s[index],
                width_px=rendering.frame_size_px[0],
                height_px=rendering.frame_size_px[1],
                media=tar.add(f"{clip_id}.{form}.jpg", form, path.read_bytes()),
            )
        )
    duration_s = float(duration(span, shot.time_base))
    return Clip(
        clip_id=clip_id,
        video_id=shot.video_id,
        shot_ids=(shot.shot_id,),
        stream=shot.stream,
        start_pts=span.start_pts,
        end_pts=span.end_pts,
        time_base=shot.time_base,
        start_s=_seconds(span.start_pts, time_base),
        end_s=_seconds(span.end_pts, time_base),
        duration_s=round(duration_s, _TIME_DECIMALS),
        num_frames=len(times_s),
        fps=round_score(len(times_s) / duration_s),
        width_px=rendering.size_px[0],
        height_px=rendering.size_px[1],
        frame_times_s=times_s,
        keyframes=rendered.written.keyframes,
        video=video,
        audio=audio,
        frames=tuple(frames),
    )


def _seconds(pts: int, time_base: Fraction) -> float:
    return round(float(pts * time_base), _TIME_DECIMALS)
