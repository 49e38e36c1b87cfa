"""Runs the commands of a cut in the sandbox and checks that they saw what the detector saw."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.base.rejects import Reason
from curation.cut.graph import (
    AUDIO_RATE_HZ,
    ClipFiles,
    Rendering,
    SourceFile,
    clip_command,
)
from curation.cut.rules import Span, caption_picks
from curation.cut.written import WrittenVideo, count_samples, read_video
from curation.media.sandbox import DecodeError, Sandbox

_SMALL_PX = 16
_SOUND_TOLERANCE_S = 0.1
"""How much longer than the clip the sound may be: timestamps that overlap by less are not corrected."""


@dataclass(frozen=True)
class Rendered:
    """A clip's files: the video and what is in it, the sound if a sample falls in the clip, and the frames
    for captioners by their number in the clip."""

    video: Path
    written: WrittenVideo
    audio: Path | None
    frames: dict[int, Path]


class Renderer:
    """Renders stretches of one source; scratch files last as long as their `with` block."""

    def __init__(self, sandbox: Sandbox, source: SourceFile, scratch: Path) -> None:
        self._sandbox = sandbox
        self._source = source
        self._scratch = scratch

    def first_frame(self, pts: int, end_pts: int) -> int | None:
        """The pts of the first frame in [pts, end_pts), None if there is none.

        Raises:
            DecodeError: the source cannot be decoded there.
        """
        record = self._source.record
        frames = self._sandbox.frames(
            self._source.path,
            record.container,
            record.video.index,
            width_px=_SMALL_PX,
            height_px=_SMALL_PX,
            gray=True,
            start_pts=pts,
            end_pts=end_pts,
        )
        with contextlib.closing(frames):
            return next((frame.pts for frame in frames), None)

    @contextlib.contextmanager
    def render(self, span: Span, rendering: Rendering, num_frames: int | None) -> Iterator[Rendered]:
        """A clip's files.

        `num_frames` is what the detector counted, None where that is unknown. A seek that loses frames is
        followed by a decode from the source's start.

        Raises:
            DecodeError: ffmpeg fails, exceeds a limit, or does not give the frames that the detector saw.
        """
        seek_s = self._source.seek_s(span.start_pts)
        with self._folder() as folder:
            rendered = self._attempt(folder / "a", span, rendering, seek_s)
            if seek_s is not None and not _complete(rendered, num_frames):
                rendered = self._attempt(folder / "b", span, rendering, None)
            if not _complete(rendered, num_frames):
                raise DecodeError(Reason.DECODE_FAILED, _mismatch(rendered, num_frames))
            yield rendered

    def _attempt(self, folder: Path, span: Span, rendering: Rendering, seek_s: float | None) -> Rendered:
        folder.mkdir()
        files = ClipFiles(folder)
        self._run(clip_command(self._source, span, rendering, files, seek_s), seek_s, span.end_pts)
        written = read_video(files.video, self._source.time_base)
        wanted = caption_picks(written.frame_pts, rendering.caption_targets)
        kept = {index: files.frame(number) for number, index in enumerate(sorted({0, *wanted}))}
        return Rendered(
            video=files.video,
            written=written,
            audio=files.audio if self._has_sound(files.audio, span) else None,
            frames={index: kept[index] for index in wanted},
        )

    def _has_sound(self, path: Path, span: Span) -> bool:
        """Whether a sample fell in the clip.

        Raises:
            DecodeError: more came out than fits, since ffmpeg starts anew where the sound's format changes.
        """
        samples = count_samples(path) if path.exists() else 0
        length_s = float((span.end_pts - span.start_pts) * self._source.time_base)
        if samples > (length_s + _SOUND_TOLERANCE_S) * AUDIO_RATE_HZ:
            raise DecodeError(
                Reason.DECODE_FAILED,
                f"gave {samples / AUDIO_RATE_HZ:.2f} s of sound for a clip of {length_s:.2f} s; the sound "
                "changes its format there, re-encode the source",
            )
        return samples > 0

    def _run(self, command: list[str], from_s: float | None, end_pts: int) -> None:
        limits, stream = self._source.limits, self._source.record.video
        start_s = float(stream.start_pts * self._source.time_base) if from_s is None else from_s
        length_s = max(0.0, float(end_pts * self._source.time_base) - start_s)
        self._sandbox.ffmpeg(command, wall_s=limits.wall_s + limits.wall_s_per_source_s * length_s)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="cut-", dir=self._scratch) as folder:
            yield Path(folder)


def _complete(rendered: Rendered, num_frames: int | None) -> bool:
    """Whether the first frame is where the clip starts, none is missing, and captioners have theirs."""
    frame_pts = rendered.written.frame_pts
    if not frame_pts or frame_pts[0] != 0 or not all(path.exists() for path in rendered.frames.values()):
        return False
    return num_frames is None or len(frame_pts) == num_frames


def _mismatch(rendered: Rendered, num_frames: int | None) -> str:
    expected = "those" if num_frames is None else f"the {num_frames}"
    return (
        f"gave {len(rendered.written.frame_pts)} frames when it was cut, not {expected} that the detector "
        "saw; the stream is probably damaged there, re-encode the source"
    )
