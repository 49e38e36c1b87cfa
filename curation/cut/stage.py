"""The cut: media of planned clips, those of neighbours rendered in one decode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from typing import ClassVar

from curation.base.media_store import MediaTar
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.cut import rules
from curation.cut.clips import Failure, SourceClips
from curation.cut.config import CutConfig
from curation.cut.look import ExactForm, Look
from curation.cut.rules import Span
from curation.cut.sampling import bars_of
from curation.cut.sound import Sound
from curation.cut.source import SourceFile
from curation.media.cutting import CuttingSandbox
from curation.media.fetch import fetch
from curation.media.ffmpeg import ffmpeg_version
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError
from curation.probe import file_name
from curation.records import Crop, CutClip, PlannedClip, SourceVideo


class Cut(Join[CutClip]):
    """Renders the forms of planned clips.

    Per clip: the configured mp4s, a 16 kHz mono FLAC where the source has sound, and JPEG frames for
    captioners taken from the source. Encodes repeat byte for byte on one image and CPU class, whatever
    other clips are cut beside them.
    """

    name: ClassVar[str] = "cut"
    version: ClassVar[str] = "5"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"plans": PlannedClip, "source": SourceVideo}
    on: ClassVar[str] = "video_id"
    output: ClassVar[type[CutClip]] = CutClip

    def __init__(
        self, config: CutConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: CutConfig = config
        self._workspace = workspace
        self._limits = limits
        self._sandbox = CuttingSandbox(limits)

    def fingerprints(self) -> Mapping[str, str]:
        """The builds that decode and encode pictures and sound."""
        return {"ffmpeg": ffmpeg_version(), "av": version("av")}

    def __call__(self, batch: Sequence[Group]) -> Iterator[CutClip | Rejected]:
        """Clips of each source in order of time, those last that only a decode from its start gives; the
        media of a call lie in one tar."""
        with self._workspace.media.new_tar(self.name) as tar:
            for group in batch:
                plans = sorted(group.all("plans"), key=lambda plan: (plan.start_pts, plan.end_pts))
                yield from self._clips(group.one("source"), plans, tar)

    def _clips(
        self, record: SourceVideo, plans: Sequence[PlannedClip], tar: MediaTar
    ) -> Iterator[CutClip | Rejected]:
        scratch = self._workspace.scratch
        try:
            local = fetch(record.uri, scratch, size_bytes=record.size_bytes, video_id=record.video_id)
        except DecodeError as error:
            yield from (self._rejected(record, plan, error) for plan in plans)
            return
        source = SourceFile(record, local.path, self._limits)
        spans = [Span(plan.start_pts, plan.end_pts) for plan in plans]
        sound = Sound(self._sandbox, source, max((span.end_pts for span in spans), default=0), scratch)
        try:
            crop = bars_of(self._sandbox, source) if plans and self.config.trim_bars else None
            sound.open()
        except DecodeError as error:
            yield from (self._rejected(record, plan, error) for plan in plans)
            return
        with contextlib.closing(sound):
            look = self._look(record, crop)
            clips = SourceClips(self.config, self._sandbox, source, look, sound, tar, scratch)
            groups = rules.grouped(spans, source.max_gap_pts)
            neighbours = ([plans[number] for number in numbers] for numbers in groups)
            made = chain.from_iterable(clips.of_neighbours(each) for each in neighbours)
            for clip in chain(made, clips.of_those_left()):
                yield self._rejected(record, clip.plan, clip.error) if isinstance(clip, Failure) else clip

    def _look(self, record: SourceVideo, crop: Crop | None) -> Look:
        width_px, height_px = record.video.width_px, record.video.height_px
        if crop is not None:
            width_px -= crop.left_px + crop.right_px
            height_px -= crop.top_px + crop.bottom_px
        return Look(
            crop=crop,
            forms=tuple(
                ExactForm(form.name, rules.fitted_size(width_px, height_px, form.short_side_px), form.crf)
                for form in self.config.forms
                if form.mode == "exact"
            ),
            frame_size_px=rules.fitted_size(width_px, height_px, self.config.frame_short_side_px),
        )

    def _rejected(self, record: SourceVideo, plan: PlannedClip, error: DecodeError) -> Rejected:
        return Rejected(
            rejected_id=plan.clip_id,
            parent_id=plan.clip_id,
            stage=self.name,
            reason=error.reason,
            detail=f"'{file_name(record.uri)}' {error.detail} (clip at {plan.start_s:.2f} s)",
        )
