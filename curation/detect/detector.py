"""What all shot detectors share: one pass of the decoder over small frames, and shots as they come."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.detect.shots import ShotBuilder
from curation.detect.transitions import Settled
from curation.media.fetch import fetch
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodedFrame, DecodeError, Sandbox
from curation.probe import file_name
from curation.records import Shot, SourceVideo

FRAME_WIDTH_PX = 48
FRAME_HEIGHT_PX = 27
"""What shot detectors look at (TransNetV2, arXiv 2008.04838, section 3)."""

Frames = npt.NDArray[np.uint8]

_THREADS = 2
_TIMED_CONTAINERS = frozenset({"mov", "matroska"})
"""Containers that give every frame its time. Elsewhere times are made up from the order in which a decoder
works, which threads change."""


class _Damaged(Exception):
    """A stream that must be decoded by one thread."""


class Detector(Map[SourceVideo, Shot]):
    """Divides a source into shots.

    Frames are looked at in one pass at 48x27. A bounded number of them is held, however long the source.
    """

    name: ClassVar[str] = "detect"
    input: ClassVar[type[SourceVideo]] = SourceVideo
    output: ClassVar[type[Shot]] = Shot

    def __init__(self, config: Config, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS) -> None:
        self.config = config
        self._workspace = workspace
        self._sandbox = Sandbox(limits)

    def fingerprints(self) -> Mapping[str, str]:
        """The decoder and the arithmetic."""
        return {"av": version("av"), "numpy": version("numpy")}

    @abstractmethod
    def settle(self, frames: Iterable[Frames], frames_per_s: float) -> Iterator[Settled]:
        """Transitions in a stream of RGB frames [27, 48, 3], reported as they become certain."""

    def __call__(self, batch: Sequence[SourceVideo]) -> Iterator[Shot | Rejected]:
        """Shots of each source in order of time."""
        for source in batch:
            try:
                yield from self._shots(source)
            except DecodeError as error:
                yield Rejected(
                    rejected_id=source.video_id,
                    parent_id=source.video_id,
                    stage=self.name,
                    reason=error.reason,
                    detail=f"'{file_name(source.uri)}' {error.detail}",
                )

    def _shots(self, source: SourceVideo) -> list[Shot]:
        """All shots, since a source that cannot be read to its end has none."""
        local = fetch(
            source.uri, self._workspace.scratch, size_bytes=source.size_bytes, video_id=source.video_id
        )
        if source.container in _TIMED_CONTAINERS:
            with contextlib.suppress(_Damaged, DecodeError):
                return self._pass(source, local.path, _THREADS)
        return self._pass(source, local.path, 1)

    def _pass(self, source: SourceVideo, path: Path, threads: int) -> list[Shot]:
        """The shots as a decoder with so many threads shows them.

        Raises:
            DecodeError: the stream cannot be decoded.
            _Damaged: there is damage, whose frames depend on chance with more than one thread.
        """
        frames = self._sandbox.frames(
            path,
            source.container,
            source.video.index,
            width_px=FRAME_WIDTH_PX,
            height_px=FRAME_HEIGHT_PX,
            threads=threads,
        )
        with contextlib.closing(frames):
            builder = ShotBuilder(source)
            shots: list[Shot] = []
            for settled in self.settle(_noted(frames, builder), source.video.fps):
                shots += builder.settle(settled)
        if threads > 1 and frames.damage is not None:
            raise _Damaged
        return [*shots, builder.finish()]


def _noted(frames: Iterable[DecodedFrame], builder: ShotBuilder) -> Iterator[Frames]:
    for frame in frames:
        builder.add(frame)
        yield frame.image
