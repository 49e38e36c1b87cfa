"""Stills of a file's shots, for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from curation.cut.source import SourceFile
from curation.media.sandbox import DecodeError, Sandbox
from curation.records import Shot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

_LOOK_BACK_S = 1.0
"""How far before a wanted time its frame may begin; where it does not, the shot is read from its start."""


@dataclass(frozen=True)
class Stills:
    """The first, the middle and the last frame of a shot, uint8 [H, W, 3]; None for one that cannot be
    decoded."""

    first: Picture | None
    middle: Picture | None
    last: Picture | None


@dataclass(frozen=True)
class _Wanted:
    """The frame on screen at `pts`, the last that begins no later; one begins at `from_pts` or before."""

    pts: int
    from_pts: int


def stills(
    sandbox: Sandbox, source: SourceFile, shots: Sequence[Shot], size_px: tuple[int, int]
) -> list[Stills]:
    """Stills of some shots in order of time, scaled to `size_px` (width, height)."""
    wanted = [each for shot in shots for each in _wanted(shot)]
    pictures: dict[int, Picture] = {}
    for run in _runs(wanted, source.max_gap_pts):
        pictures.update(_decoded(sandbox, source, run, size_px, _LOOK_BACK_S))
        for missed in [each for each in run if each.pts not in pictures]:
            pictures.update(_decoded(sandbox, source, [missed], size_px, None))
    return [Stills(*(pictures.get(each.pts) for each in _wanted(shot))) for shot in shots]


def _wanted(shot: Shot) -> list[_Wanted]:
    times = (shot.start_pts, (shot.start_pts + shot.end_pts - 1) // 2, shot.end_pts - 1)
    return [_Wanted(pts, shot.start_pts) for pts in times]


def _runs(wanted: Sequence[_Wanted], max_gap_pts: int) -> Iterator[list[_Wanted]]:
    """Neighbours for which it costs less to decode what is between them than to seek."""
    run: list[_Wanted] = []
    for each in wanted:
        if run and each.pts - run[-1].pts > max_gap_pts:
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _decoded(
    sandbox: Sandbox,
    source: SourceFile,
    run: Sequence[_Wanted],
    size_px: tuple[int, int],
    look_back_s: float | None,
) -> Iterator[tuple[int, Picture]]:
    """Wanted pts and the frame on screen then, from one pass over the stretch that holds them."""
    first, open_wants = run[0], deque(run)
    start_pts = first.from_pts
    if look_back_s is not None:
        start_pts = max(start_pts, first.pts - int(look_back_s / Fraction(source.record.video.time_base)))
    frames = sandbox.frames(
        source.path,
        source.record.container,
        source.record.video.index,
        width_px=size_px[0],
        height_px=size_px[1],
        start_pts=start_pts,
        end_pts=run[-1].pts + 1,
    )
    shown: Picture | None = None
    try:
        for frame in frames:
            while open_wants and open_wants[0].pts < frame.pts:
                want = open_wants.popleft()
                if shown is not None:
                    yield want.pts, shown
            shown = frame.image
    except DecodeError:
        # A sheet with a gap is worth more than none; the shots themselves were read before.
        return
    if shown is not None:
        yield from ((each.pts, shown) for each in open_wants)
