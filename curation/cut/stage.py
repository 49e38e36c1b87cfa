"""The cut: every clip's media, rendered in one decode of its stretch of the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

from curation.base import ids
from curation.base.media_store import MediaTar
from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.cut import rules
from curation.cut.config import CutConfig
from curation.cut.graph import Rendering, SourceFile
from curation.cut.render import Renderer
from curation.cut.rules import Span
from curation.cut.store import store_clip
from curation.media.fetch import fetch
from curation.media.ffmpeg import ffmpeg_version
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from curation.probe import file_name
from curation.records import Clip, Shot, SourceVideo


class Cut(Join[Clip]):
    """Divides shots into clips by the length rules and renders each clip's forms.

    Per clip: an H.264 mp4, a 16 kHz mono FLAC where the source has sound, and JPEG frames for captioners
    taken from the source. Encodes repeat byte for byte on one image and CPU class.
    """

    name: ClassVar[str] = "cut"
    version: ClassVar[str] = "1"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"shots": Shot, "source": SourceVideo}
    on: ClassVar[str] = "video_id"
    output: ClassVar[type[Clip]] = Clip

    def __init__(
        self, config: CutConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: CutConfig = config
        self._workspace = workspace
        self._limits = limits
        self._sandbox = Sandbox(limits)

    def fingerprints(self) -> Mapping[str, str]:
        """The build that decodes and encodes."""
        return {"ffmpeg": ffmpeg_version()}

    def __call__(self, batch: Sequence[Group]) -> Iterator[Clip | Rejected]:
        """Clips of each source in order of time; the media of a call lie in one tar."""
        with self._workspace.media.new_tar(self.name) as tar:
            for group in batch:
                shots = sorted(group.all("shots"), key=lambda shot: shot.start_pts)
                yield from self._clips(group.one("source"), shots, tar)

    def _clips(self, record: SourceVideo, shots: Sequence[Shot], tar: MediaTar) -> Iterator[Clip | Rejected]:
        scratch = self._workspace.scratch
        try:
            local = fetch(record.uri, scratch, size_bytes=record.size_bytes, video_id=record.video_id)
        except DecodeError as error:
            yield from (self._rejected(record, shot, shot.shot_id, error) for shot in shots)
            return
        source = SourceFile(record, local.path, self._limits)
        renderer = Renderer(self._sandbox, source, scratch)
        for shot in shots:
            try:
                spans = self._spans(renderer, shot)
            except DecodeError as error:
                yield self._rejected(record, shot, shot.shot_id, error)
                continue
            num_frames = shot.last_frame - shot.start_frame + 1 if len(spans) == 1 else None
            for span in spans:
                yield self._clip(renderer, record, shot, span, num_frames, tar)

    def _clip(
        self,
        renderer: Renderer,
        record: SourceVideo,
        shot: Shot,
        span: Span,
        num_frames: int | None,
        tar: MediaTar,
    ) -> Clip | Rejected:
        clip_id = ids.clip_id(shot.video_id, shot.stream, span.start_pts, span.end_pts, shot.time_base)
        rendering = self._rendering(record, shot, span)
        try:
            with renderer.render(span, rendering, num_frames) as rendered:
                return store_clip(clip_id, shot, span, rendering, rendered, tar)
        except DecodeError as error:
            at_s = float(span.start_pts * Fraction(shot.time_base))
            detail = f"{error.detail} (clip at {at_s:.2f} s)"
            return self._rejected(record, shot, clip_id, DecodeError(error.reason, detail))

    def _spans(self, renderer: Renderer, shot: Shot) -> list[Span]:
        """The clips of a shot, each from a frame that is there.

        Raises:
            DecodeError: the shot is too short, or the frames at which to divide it cannot be found.
        """
        if rules.duration(shot, shot.time_base) < self.config.min_s:
            raise DecodeError(
                Reason.TOO_SHORT,
                f"has a shot of {shot.end_s - shot.start_s:.2f} s at {shot.start_s:.2f} s, shorter than "
                f"min_s = {self.config.min_s:g}; lower min_s to keep it",
            )
        starts: list[int] = []
        for target in rules.split_targets(shot, self.config.max_s):
            start = renderer.first_frame(target, shot.end_pts)
            if start is not None and start > max([shot.start_pts, *starts]):
                starts.append(start)
        return rules.spans(shot, starts)

    def _rendering(self, record: SourceVideo, shot: Shot, span: Span) -> Rendering:
        video = record.video
        shot_frames = shot.last_frame - shot.start_frame + 1
        shot_s = rules.duration(shot, shot.time_base)
        return Rendering(
            size_px=rules.fitted_size(video.width_px, video.height_px, self.config.short_side_px),
            frame_size_px=rules.fitted_size(video.width_px, video.height_px, self.config.frame_short_side_px),
            gop_frames=max(1, round(shot_frames / (2 * shot_s))),
            crf=self.config.crf,
            caption_targets=rules.caption_targets(
                span.end_pts - span.start_pts,
                (shot.end_pts - shot.start_pts) // shot_frames,
                self.config.num_frames(float(rules.duration(span, shot.time_base))),
            ),
        )

    def _rejected(self, record: SourceVideo, shot: Shot, rejected_id: str, error: DecodeError) -> Rejected:
        return Rejected(
            rejected_id=rejected_id,
            parent_id=shot.shot_id,
            stage=self.name,
            reason=error.reason,
            detail=f"'{file_name(record.uri)}' {error.detail}",
        )
