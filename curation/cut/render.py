"""Renders clips of a source, neighbours in one decode, and checks that they hold what the detector saw."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from curation.base.rejects import Reason
from curation.cut.clip_files import ClipFiles, Rendered
from curation.cut.look import Look, Rendering
from curation.cut.source import SourceFile
from curation.media.cutting import CuttingSandbox, Picture, WantedClip
from curation.media.sandbox import DecodeError, MediaStream

_THREADS = 2
"""Threads that decode what is not damaged, in containers that give every frame its time; elsewhere times are
made up from the order in which a decoder works, which threads change."""


class Renderer:
    """Renders clips of one source. Its pictures are decoded and scaled in the sandbox and encoded here, so
    that both go on at a time; one clip's files are open at a time where clips do not overlap."""

    def __init__(self, sandbox: CuttingSandbox, source: SourceFile, look: Look, scratch: Path) -> None:
        self._sandbox = sandbox
        self._source = source
        self._look = look
        self._scratch = scratch
        self._misled = False

    def render(self, clips: Sequence[Rendering]) -> Generator[Rendered | DecodeError | None, None, None]:
        """The media of each of some neighbouring clips, whose files last until the next is asked for; an
        error for a clip that cannot be decoded or that exceeds a limit; None for one that comes out whole
        only if decoding begins at the source's start, if at all.

        All are made in one decode, which from damage on is that of a single thread. A clip that does not
        come out whole is made by itself, unless that has been in vain before.
        """
        begun = False
        with contextlib.closing(self._together(clips)) as together:
            for clip, rendered in zip(clips, together, strict=True):
                begun = begun or isinstance(rendered, DecodeError) or bool(rendered.frame_pts)
                if _is_whole(rendered, clip):
                    yield rendered
                elif len(clips) == 1:
                    yield rendered if isinstance(rendered, DecodeError) else None
                elif isinstance(rendered, DecodeError) or (begun and not self._misled):
                    yield from self._alone(clip)
                else:
                    yield None

    def render_from_start(
        self, clips: Sequence[Rendering]
    ) -> Generator[Rendered | DecodeError | None, None, None]:
        """The same for any clips in order of time, all in a decode from the source's start: none is None."""
        with contextlib.closing(self._decoded(clips, search=False)) as decoded:
            for clip, rendered in zip(clips, decoded, strict=True):
                if isinstance(rendered, DecodeError) or _is_whole(rendered, clip):
                    yield rendered
                else:
                    yield DecodeError(Reason.DECODE_FAILED, _mismatch(rendered, clip))

    def _together(self, clips: Sequence[Rendering]) -> Generator[Rendered | DecodeError, None, None]:
        done = 0
        if self._source.has_index:
            with contextlib.closing(self._decoded(clips, search=True, threads=_THREADS)) as decoded:
                for rendered in decoded:
                    if isinstance(rendered, DecodeError):
                        break
                    yield rendered
                    done += 1
        yield from self._decoded(clips[done:], search=True)

    def _alone(self, clip: Rendering) -> Iterator[Rendered | DecodeError | None]:
        """A clip by itself; where a seek goes wrong, this is the last that is made so."""
        with contextlib.closing(self._decoded([clip], search=True)) as decoded:
            rendered = next(decoded)
            if isinstance(rendered, DecodeError) or _is_whole(rendered, clip):
                yield rendered
            else:
                self._misled = True
                yield None

    def _decoded(
        self, clips: Sequence[Rendering], *, search: bool, threads: int = 1
    ) -> Generator[Rendered | DecodeError, None, None]:
        """What one decode makes of each clip; after an error, the same error for the rest."""
        if not clips:
            return
        with tempfile.TemporaryDirectory(prefix="cut-", dir=self._scratch) as name:
            folder = Path(name)
            done = 0
            try:
                with contextlib.closing(self._pictures(clips, search, threads)) as pictures:
                    for files in self._filled(pictures, clips, folder):
                        rendered = files.finish()
                        yield rendered
                        for video in rendered.videos.values():
                            video.path.unlink(missing_ok=True)
                        done += 1
            except DecodeError as error:
                yield from [error] * (len(clips) - done)

    def _pictures(self, clips: Sequence[Rendering], search: bool, threads: int) -> MediaStream[Picture]:
        record, crop = self._source.record, self._look.crop
        first_pts = min(clip.span.start_pts for clip in clips)
        return self._sandbox.pictures(
            self._source.path,
            record.container,
            record.video.index,
            clips=[
                WantedClip(clip.span.start_pts, clip.span.end_pts, tuple(clip.caption_targets))
                for clip in clips
            ],
            sizes_px=[form.size_px for form in self._look.forms],
            still_size_px=self._look.frame_size_px,
            shown_size_px=(record.video.width_px, record.video.height_px),
            crop=(crop.left_px, crop.top_px, crop.right_px, crop.bottom_px) if crop else (0, 0, 0, 0),
            search=search and self._source.seek_s(first_pts) is not None,
            threads=threads,
        )

    def _filled(
        self, pictures: MediaStream[Picture], clips: Sequence[Rendering], folder: Path
    ) -> Iterator[ClipFiles]:
        """The files of each clip in turn, once all its pictures are in."""
        open_files: dict[int, ClipFiles] = {}

        def files_of(number: int) -> ClipFiles:
            if number not in open_files:
                place = folder / str(number)
                place.mkdir()
                open_files[number] = ClipFiles(place, self._look, clips[number], self._source.time_base)
            return open_files[number]

        turn = 0
        try:
            for picture in pictures:
                while turn < len(clips) and picture.pts >= clips[turn].span.end_pts:
                    yield files_of(turn)
                    open_files.pop(turn)
                    turn += 1
                for number in picture.clips:
                    files_of(number).add(picture)
            for number in range(turn, len(clips)):
                yield files_of(number)
                open_files.pop(number)
        finally:
            for files in open_files.values():
                files.close()


def _is_whole(rendered: Rendered | DecodeError, clip: Rendering) -> bool:
    """Whether the first frame is where the clip starts, and none is missing in any form."""
    if isinstance(rendered, DecodeError):
        return False
    frame_pts = rendered.frame_pts
    if not frame_pts or frame_pts[0] != 0 or len(frame_pts) != clip.num_frames or not rendered.frames:
        return False
    return all(video.frame_pts == frame_pts for video in rendered.videos.values())


def _mismatch(rendered: Rendered, clip: Rendering) -> str:
    return (
        f"gave {len(rendered.frame_pts)} frames when it was cut, not the {clip.num_frames} that the detector "
        "saw; the stream is probably damaged there, re-encode the source"
    )
