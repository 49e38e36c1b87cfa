"""The clips of one source: of neighbouring plans in one decode, and in a last one what a seek misses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.base.media_store import MediaTar
from curation.cut import rules
from curation.cut.clip_files import Rendered
from curation.cut.config import CutConfig
from curation.cut.copier import Copier
from curation.cut.forms import LocatedClip, locate, videos_of
from curation.cut.look import Look, Rendering
from curation.cut.render import Renderer
from curation.cut.sound import Sound
from curation.cut.source import SourceFile
from curation.cut.store import store_clip
from curation.cut.written import WrittenVideo
from curation.media.cutting import CuttingSandbox
from curation.media.sandbox import DecodeError
from curation.records import CutClip, PlannedClip

_Render = Callable[[Sequence[Rendering]], Generator[Rendered | DecodeError | None, None, None]]


@dataclass(frozen=True)
class Failure:
    """A plan of which no clip can be made, and why."""

    plan: PlannedClip
    error: DecodeError


class SourceClips:
    """Makes clips of one source and puts their media into a tar."""

    def __init__(
        self,
        config: CutConfig,
        sandbox: CuttingSandbox,
        source: SourceFile,
        look: Look,
        sound: Sound,
        tar: MediaTar,
        scratch: Path,
    ) -> None:
        self._config = config
        self._look = look
        self._source = source
        self._sound = sound
        self._tar = tar
        self._scratch = scratch
        self._copier = Copier(sandbox, source)
        self._renderer = Renderer(sandbox, source, look, scratch)
        self._left: list[LocatedClip] = []

    def of_neighbours(self, plans: Sequence[PlannedClip]) -> Iterator[CutClip | Failure]:
        """The clips of some neighbouring plans, in order of time, without those that a decode which begins
        among them does not give."""
        located = locate(plans, self._config.forms, self._copier)
        clips = [each for each in located if isinstance(each, LocatedClip)]
        with contextlib.closing(self._made(clips, self._renderer.render)) as made:
            for plan, found in zip(plans, located, strict=True):
                result = Failure(plan, found) if isinstance(found, DecodeError) else next(made)
                if isinstance(result, LocatedClip):
                    self._left.append(result)
                else:
                    yield result

    def of_those_left(self) -> Iterator[CutClip | Failure]:
        """The clips that were left out before, in order of time, all in a decode from the source's start."""
        with contextlib.closing(self._made(self._left, self._renderer.render_from_start)) as made:
            for result in made:
                assert not isinstance(result, LocatedClip), "nothing comes before the start"
                yield result

    def _made(
        self, clips: Sequence[LocatedClip], render: _Render
    ) -> Generator[CutClip | Failure | LocatedClip, None, None]:
        """What comes of each clip: itself where nothing does yet."""
        if not clips:
            return
        with (
            self._copier.written([clip.copy for clip in clips], self._scratch) as copies,
            contextlib.closing(render([self._rendering(clip) for clip in clips])) as all_rendered,
        ):
            for clip, rendered, copied in zip(clips, all_rendered, copies, strict=True):
                if rendered is None:
                    yield clip
                elif isinstance(rendered, DecodeError):
                    yield Failure(clip.plan, rendered)
                else:
                    yield self._stored(clip, rendered, copied)

    def _stored(
        self, clip: LocatedClip, rendered: Rendered, copied: WrittenVideo | DecodeError | None
    ) -> CutClip | Failure:
        record = self._source.record
        try:
            videos = videos_of(clip, self._config.forms, self._look, record, rendered, copied)
        except DecodeError as error:
            return Failure(clip.plan, error)
        flac = self._sound.flac(clip.span)
        return store_clip(clip.plan, clip.span, videos, flac, rendered, self._look, self._tar)

    def _rendering(self, clip: LocatedClip) -> Rendering:
        length_pts = clip.span.end_pts - clip.span.start_pts
        length_s = rules.duration(clip.span, clip.plan.time_base)
        starts = {max(0, pts - clip.span.start_pts) for pts in clip.plan.shot_start_pts}
        return Rendering(
            span=clip.span,
            num_frames=clip.num_frames,
            gop_frames=max(1, round(clip.num_frames / (2 * length_s))),
            caption_targets=rules.caption_targets(
                length_pts,
                length_pts // clip.num_frames,
                self._config.num_frames(float(length_s)),
                sorted(start for start in starts if start < length_pts),
            ),
        )
