"""The way from file to sample, and what was lost at each step."""

from __future__ import annotations

from collections.abc import Mapping

from captioning.records import Caption, FusedCaption
from curation.base.records import Record
from curation.records import Clip, CutClip, PlannedClip, Shot, SourceVideo
from pipelines.report.data import FunnelStep, Loss, RejectGroup, Totals
from pipelines.report.rejects import losses_to
from shards.records import Sample

FILE, SHOT, CLIP = "file", "shot", "clip"


def funnel(
    totals: Totals, groups: tuple[RejectGroup, ...], outputs: Mapping[str, type[Record]]
) -> tuple[FunnelStep, ...]:
    """The steps of the funnel.

    Between steps of one unit every loss is accounted for: by rejects, by duplicates, or as not done
    yet. Where the unit changes there is no difference to explain, only rejects: of sources without a
    shot, and of shots that are in no clip.
    """
    steps = (SourceVideo, Shot, PlannedClip, CutClip, Clip, Caption, FusedCaption)
    why = {step: losses_to(step, groups, outputs) for step in steps}
    packing = losses_to(Sample, groups, outputs)
    if not any("duplicate" in loss.why for loss in packing) and totals.duplicates:
        packing = (Loss(why="duplicate clip", count=totals.duplicates), *packing)
    return (
        FunnelStep(name="Files found", unit=FILE, count=totals.files, lost=0, losses=(), per=None),
        _narrower("Readable videos", FILE, totals.videos, totals.files, why[SourceVideo]),
        _changed("Shots", SHOT, totals.shots, totals.videos, "video", why[Shot]),
        _changed("Clips planned", CLIP, totals.planned, totals.shots, "shot", why[PlannedClip]),
        _narrower("Clips cut", CLIP, totals.cut, totals.planned, why[CutClip]),
        _narrower("Clips kept", CLIP, totals.clips, totals.cut, why[Clip]),
        _narrower("Captioned clips", CLIP, totals.captioned, totals.clips, why[Caption]),
        _narrower("Fused clips", CLIP, totals.fused, totals.captioned, why[FusedCaption]),
        _narrower("Samples in shards", CLIP, totals.samples, totals.fused, packing),
    )


def _narrower(name: str, unit: str, count: int, before: int, losses: tuple[Loss, ...]) -> FunnelStep:
    lost = max(0, before - count)
    unexplained = lost - sum(loss.count for loss in losses)
    if unexplained > 0:
        losses = (*losses, Loss(why="not done yet", count=unexplained))
    return FunnelStep(name=name, unit=unit, count=count, lost=lost, losses=losses, per=None)


def _changed(name: str, unit: str, count: int, before: int, of: str, losses: tuple[Loss, ...]) -> FunnelStep:
    per = f"{count / before:.1f} per {of}" if before else None
    lost = sum(loss.count for loss in losses)
    return FunnelStep(name=name, unit=unit, count=count, lost=lost, losses=losses, per=per)
