"""The files of a clip while its frames come in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.cut.encode import VideoWriter, jpeg
from curation.cut.look import Look, Rendering
from curation.cut.rules import caption_picks
from curation.cut.written import WrittenVideo, read_video
from curation.media.cutting import Picture
from curation.media.outcome import DecodeError, nonsense


@dataclass(frozen=True)
class Rendered:
    """A clip's media: pts of its frames from its start, the encoded videos by name of their form, and JPEG
    files for captioners by the number of their frame in the clip."""

    frame_pts: tuple[int, ...]
    videos: dict[str, WrittenVideo]
    frames: dict[int, bytes]


class ClipFiles:
    """Encodes one clip into a folder; its stills, a few small JPEGs, are kept in memory."""

    def __init__(self, folder: Path, look: Look, rendering: Rendering, time_base: Fraction) -> None:
        self._look = look
        self._rendering = rendering
        self._time_base = time_base
        span = rendering.span
        self._frame_pts: list[int] = []
        self._stills: dict[int, bytes] = {}
        self._writers = [
            VideoWriter(
                folder / f"{form.name}.mp4",
                form.size_px,
                crf=form.crf,
                gop_frames=rendering.gop_frames,
                time_base=time_base,
                frames_per_s=rendering.num_frames / ((span.end_pts - span.start_pts) * time_base),
            )
            for form in look.forms
        ]

    def add(self, picture: Picture) -> None:
        """Take in a picture of the clip.

        Raises:
            DecodeError: the pictures are not in order of time, or not of the clip.
            Retry: a file cannot be written.
        """
        span = self._rendering.span
        pts = picture.pts - span.start_pts
        if not span.start_pts <= picture.pts < span.end_pts or pts < max(self._frame_pts[-1:], default=0):
            raise nonsense(f"a picture of pts {picture.pts} where it does not belong")
        if self._frame_pts[-1:] != [pts]:
            self._frame_pts.append(pts)
        with _faults():
            if picture.form is None:
                self._stills[pts] = jpeg(picture.planes, self._look.frame_size_px)
            elif picture.form >= 0:
                self._writers[picture.form].add(picture.planes, pts, picture.colours)

    def finish(self) -> Rendered:
        """Close the files and read back what is in them.

        Raises:
            Retry: a file cannot be written.
        """
        with _faults():
            self.close()
        return Rendered(
            frame_pts=tuple(self._frame_pts),
            videos={
                form.name: read_video(writer.path, self._time_base)
                for form, writer in zip(self._look.forms, self._writers, strict=True)
                if self._frame_pts
            },
            frames=self._frames(),
        )

    def close(self) -> None:
        """Give up what is open."""
        for writer in self._writers:
            writer.close()

    def _frames(self) -> dict[int, bytes]:
        picks: Sequence[int] = ()
        if self._frame_pts:
            picks = caption_picks(self._frame_pts, self._rendering.caption_targets)
        at = {pick: self._frame_pts[pick] for pick in picks}
        return {pick: self._stills[pts] for pick, pts in at.items() if pts in self._stills}


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Tell a fault of the disk from pictures that the encoder refuses."""
    import av

    try:
        yield
    except OSError as error:
        raise Retry(f"writing a clip: {error}") from error
    except av.FFmpegError as error:
        detail = f"has pictures that cannot be encoded ({error.strerror}); re-encode the source"
        raise DecodeError(Reason.ENCODE_FAILED, detail) from error
