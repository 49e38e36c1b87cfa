"""Footage as single shots: every file given is one shot without a transition, from its first frame to its
last. A file that holds a cut teaches the detector to overlook cuts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curation.base.rejects import Reason
from curation.detect.learning.pool import FRAME_SHAPE, MAX_FRAMES, MIN_FRAMES, Frames, ShotInfo
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox

SPEEDS = (1, 2, 4)
"""How many frames of a file make one frame of a shot."""

_FALLBACK_FPS = 25.0


@dataclass
class _Cutter:
    """Gathers every `speed`-th frame into stretches of at most `MAX_FRAMES`."""

    speed: int
    gathered: list[Frames] = field(default_factory=list)

    def add(self, number: int, image: Frames) -> Frames | None:
        """A whole stretch, once there is one."""
        if number % self.speed == 0:
            self.gathered.append(image)
        return self.rest() if len(self.gathered) == MAX_FRAMES else None

    def rest(self) -> Frames | None:
        """What is left, if it is long enough for a shot."""
        stretch, self.gathered = self.gathered, []
        return np.stack(stretch) if len(stretch) >= MIN_FRAMES else None


def footage_shots(
    path: Path, source: str, limits: DecodeLimits = DEFAULT_LIMITS
) -> Iterator[tuple[ShotInfo, Frames]]:
    """Stretches of a file at several speeds, each of 24 to 240 frames, uint8 [n, 27, 48, 3].

    A stretch at speed 2 shows every second frame at the rate of the file: what moves, moves twice as fast.
    Of a file, up to 23 frames at its end may be left out. The file is decoded in a limited child process.

    Raises:
        DecodeError: it is no video, cannot be decoded, or has fewer than 24 frames.
    """
    sandbox = Sandbox(limits)
    facts = sandbox.probe(path)
    if facts.video is None:
        raise DecodeError(Reason.NO_VIDEO, "has no video stream; leave it out")
    info = ShotInfo(
        kind="footage", source=source, fps=facts.video.fps or _FALLBACK_FPS, sha256=sha256_of(path)
    )
    height_px, width_px, _ = FRAME_SHAPE
    cutters = [_Cutter(speed) for speed in SPEEDS]
    frames = sandbox.frames(path, facts.container, facts.video.index, width_px=width_px, height_px=height_px)
    num_frames = 0
    for number, frame in enumerate(frames):
        num_frames = number + 1
        for cutter in cutters:
            stretch = cutter.add(number, frame.image)
            if stretch is not None:
                yield info, stretch
    for cutter in cutters:
        stretch = cutter.rest()
        if stretch is not None:
            yield info, stretch
    if num_frames < MIN_FRAMES:
        raise DecodeError(
            Reason.TOO_SHORT, f"has {num_frames} frames, and a shot takes {MIN_FRAMES} or more; leave it out"
        )


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
