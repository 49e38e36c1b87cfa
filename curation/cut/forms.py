"""Where clips lie, and their forms: encoded anew, or copied from a keyframe on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curation.base.rejects import Reason
from curation.cut.clip_files import Rendered
from curation.cut.config import FormConfig
from curation.cut.copier import Copier
from curation.cut.copies import PacketCopy
from curation.cut.look import Look
from curation.cut.rules import Span
from curation.cut.written import WrittenVideo
from curation.media.sandbox import DecodeError
from curation.records import PlannedClip, SourceVideo


@dataclass(frozen=True)
class LocatedClip:
    """A plan, the stretch that its clip covers, the frames in it, and what can be copied for it."""

    plan: PlannedClip
    span: Span
    num_frames: int
    copy: PacketCopy | None


@dataclass(frozen=True)
class Video:
    """A written form: where it begins and ends in the source, and its size in pixels (width, height)."""

    name: str
    mode: str
    span: Span
    size_px: tuple[int, int]
    written: WrittenVideo


def locate(
    plans: Sequence[PlannedClip], forms: Sequence[FormConfig], copier: Copier
) -> list[LocatedClip | DecodeError]:
    """Where the clips of some neighbouring plans lie: where the plan does, or the copy, if the first form is
    one; an error where there is nothing to copy for such a clip, or where looking for it exceeds a limit."""
    spans = [Span(plan.start_pts, plan.end_pts) for plan in plans]
    must_copy = forms[0].mode == "keyframe"
    copies: list[PacketCopy | None] = [None] * len(plans)
    if any(form.mode == "keyframe" for form in forms):
        try:
            copies = copier.find(spans)
        except DecodeError as error:
            if must_copy or error.reason not in (Reason.DECODE_FAILED, Reason.UNSUPPORTED_FORMAT):
                return [error] * len(plans)
    return [
        _copied(plan, copy) if must_copy else LocatedClip(plan, span, _num_frames(plan), copy)
        for plan, span, copy in zip(plans, spans, copies, strict=True)
    ]


def _copied(plan: PlannedClip, copy: PacketCopy | None) -> LocatedClip | DecodeError:
    if copy is None:
        return DecodeError(
            Reason.NO_KEYFRAME,
            "has no keyframe in a clip from which on its packets could be copied; make a form with "
            "mode = exact the first of curation.cut.forms",
        )
    return LocatedClip(plan, copy.span, len(copy.frame_pts), copy)


def _num_frames(plan: PlannedClip) -> int:
    return plan.last_frame - plan.start_frame + 1


def videos_of(
    clip: LocatedClip,
    forms: Sequence[FormConfig],
    look: Look,
    record: SourceVideo,
    rendered: Rendered,
    copied: WrittenVideo | DecodeError | None,
) -> list[Video]:
    """The forms of a clip in the order of the settings, without a copy that does not hold the frames that
    were decoded in its stretch.

    Raises:
        DecodeError: the first form is such a copy, or writing the copy exceeded a limit.
    """
    if isinstance(copied, DecodeError):
        raise copied
    exact = {form.name: form.size_px for form in look.forms}
    videos = []
    for form in forms:
        if form.name in exact:
            written = rendered.videos[form.name]
            videos.append(Video(form.name, form.mode, clip.span, exact[form.name], written))
        elif clip.copy is not None and copied is not None and _shows(clip.copy, clip.span, rendered):
            size_px = (record.video.width_px, record.video.height_px)
            videos.append(Video(form.name, form.mode, clip.copy.span, size_px, copied))
        elif form is forms[0]:
            raise DecodeError(
                Reason.DECODE_FAILED,
                "has packets that do not show the frames that are decoded from them; make a form with "
                "mode = exact the first of curation.cut.forms",
            )
    return videos


def _shows(copy: PacketCopy, span: Span, rendered: Rendered) -> bool:
    decoded = (span.start_pts + pts for pts in rendered.frame_pts)
    return copy.frame_pts == tuple(pts for pts in decoded if copy.span.start_pts <= pts < copy.span.end_pts)
