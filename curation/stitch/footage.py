"""The frames of a source that stitching looks at again."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.detect.detector import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from curation.media.fetch import fetch
from curation.media.sandbox import DecodedFrame, DecodeError, MediaStream, Sandbox
from curation.records import Extent, Shot, SourceVideo
from curation.stitch.scenes import num_frames
from curation.stitch.timeline import FrameChanges, Timeline

Pair: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""The last frame of a shot and the first of the next, RGB."""

_NEAR_END_FRAMES = 4


class Footage:
    """One source, brought to this machine when its frames are first asked for."""

    def __init__(self, record: SourceVideo, workspace: Workspace, sandbox: Sandbox) -> None:
        self._record = record
        self._workspace = workspace
        self._sandbox = sandbox

    def facing(self, left: Shot, right: Shot, short_side_px: int) -> Pair | None:
        """The last frame of a shot and the first of the next, None where they cannot be decoded again."""
        try:
            near_end = left.end_pts - _NEAR_END_FRAMES * (left.end_pts - left.start_pts) // num_frames(left)
            found = self._facing(max(near_end, left.start_pts), right.start_pts, short_side_px)
            # A frame may have been shown for longer than the mean.
            return found or self._facing(left.start_pts, right.start_pts, short_side_px)
        except DecodeError as error:
            if error.reason is Reason.DECODE_FAILED:
                return None
            raise

    def timeline(self, extent: Extent) -> Timeline:
        """All frames of a stretch.

        Raises:
            DecodeError: they are not those that the detector saw, or a limit is exceeded.
        """
        found = self._after_seek(extent)
        if not _complete(found, extent):
            # Where pts are faulty, those of a frame depend on where decoding began.
            found = self._all_frames.timeline(extent)
        if not _complete(found, extent):
            raise DecodeError(
                Reason.DECODE_FAILED,
                f"gave {len(found.frame_pts)} frames when a long scene was divided, not the "
                f"{num_frames(extent)} that the detector saw; the stream is probably damaged there, "
                "re-encode the source",
            )
        return found

    def _facing(self, start_pts: int, cut_pts: int, short_side_px: int) -> Pair | None:
        before: NDArray[np.uint8] | None = None
        size_px = _fitted(self._record.video.width_px, self._record.video.height_px, short_side_px)
        with contextlib.closing(self._frames(start_pts, cut_pts + 1, size_px)) as frames:
            for frame in frames:
                if frame.pts == cut_pts:
                    return None if before is None else (before, frame.image)
                before = frame.image
        return None

    def _after_seek(self, extent: Extent) -> Timeline:
        frames = self._frames(extent.start_pts, extent.end_pts, (FRAME_WIDTH_PX, FRAME_HEIGHT_PX))
        return FrameChanges(frames).timeline(extent)

    @cached_property
    def _all_frames(self) -> FrameChanges:
        """Those from the source's start on, decoded once for all stretches that need it."""
        return FrameChanges(self._frames(None, None, (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)))

    def _frames(
        self, start_pts: int | None, end_pts: int | None, size_px: tuple[int, int]
    ) -> MediaStream[DecodedFrame]:
        width_px, height_px = size_px
        return self._sandbox.frames(
            self._path,
            self._record.container,
            self._record.video.index,
            width_px=width_px,
            height_px=height_px,
            start_pts=start_pts,
            end_pts=end_pts,
        )

    @cached_property
    def _path(self) -> Path:
        record = self._record
        return fetch(
            record.uri, self._workspace.scratch, size_bytes=record.size_bytes, video_id=record.video_id
        ).path


def _complete(found: Timeline, extent: Extent) -> bool:
    return len(found.frame_pts) == num_frames(extent) and found.frame_pts[0] == extent.start_pts


def _fitted(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    """A size with this short side, or as it is where it is smaller."""
    scale = min(1.0, short_side_px / min(width_px, height_px))
    return (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
