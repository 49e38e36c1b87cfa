"""What the camera did between two pictures, and how much of the picture moved besides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.filters.measures.pictures import Image

Points: TypeAlias = NDArray[np.floating[Any]]
Matrix: TypeAlias = NDArray[np.float64]

MAX_POINTS = 200
MIN_POINTS = 12
MIN_POINT_DISTANCE_PX = 7
POINT_QUALITY = 0.01
FLOW_WINDOW_PX = 15
FLOW_LEVELS = 4
INLIER_PX = 1.0
GRID = (4, 3)
"""Cells (across, down) that vote on whether a fit describes the whole picture."""
MIN_AGREEMENT = 0.5
RANSAC_SEED = 20240322
MOVED_LEVELS = 14
"""Difference of luma (0..255), after the camera's motion is undone, that counts as something moving."""


@dataclass(frozen=True)
class Step:
    """From one picture to the next. `dx`, `dy` say how far the picture's content went right and down
    (fractions of width and height), `zoom` is the natural log of its growth, `roll` its clockwise turn
    in radians. `agreement` is the share of the textured cells that the fit explains, None where there is
    no fit; `coverage` is the share of the cells that have texture."""

    start_s: float
    end_s: float
    dx: float = 0.0
    dy: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    agreement: float | None = None
    coverage: float = 1.0
    moved_share: float = 0.0


def step_between(start_s: float, before: Image, end_s: float, after: Image) -> Step:
    """Compare two luma pictures of one size, by a similarity fitted to tracked corners."""
    fit = _similarity(before, after)
    if fit is None:
        return Step(start_s, end_s, moved_share=_moved_share(before, after, np.eye(2, 3)))
    matrix, agreement, coverage = fit
    height, width = before.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = matrix[:, :2] @ centre + matrix[:, 2] - centre
    return Step(
        start_s,
        end_s,
        dx=float(shift[0]) / width,
        dy=float(shift[1]) / height,
        zoom=math.log(math.hypot(matrix[0, 0], matrix[1, 0])),
        roll=math.atan2(matrix[1, 0], matrix[0, 0]),
        agreement=agreement,
        coverage=coverage,
        moved_share=_moved_share(before, after, matrix),
    )


def _similarity(before: Image, after: Image) -> tuple[Matrix, float, float] | None:
    """The similarity (2, 3) that most of the picture follows, with agreement and coverage."""
    points = cv2.goodFeaturesToTrack(before, MAX_POINTS, POINT_QUALITY, MIN_POINT_DISTANCE_PX)
    if points is None or len(points) < MIN_POINTS:
        return None
    return _tracked(before, after, points, np.zeros(2)) or _tracked(
        before, after, points, _shift(before, after)
    )


def _shift(before: Image, after: Image) -> Points:
    """How far the whole picture went (x, y), by phase correlation: it sees whip pans that tracking loses."""
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    return np.asarray(shift)


def _tracked(
    before: Image, after: Image, points: Points, guess: Points
) -> tuple[Matrix, float, float] | None:
    """A fit to corners (N, 1, 2) that are looked for around a guessed shift."""
    guessed = (points + guess).astype(np.float32)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        guessed,
        winSize=(FLOW_WINDOW_PX, FLOW_WINDOW_PX),
        maxLevel=FLOW_LEVELS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    tracked = found.ravel() == 1
    start, end = points[tracked, 0], moved[tracked, 0]
    if len(start) < MIN_POINTS:
        return None
    cv2.setRNGSeed(RANSAC_SEED)
    matrix, inliers = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PX
    )
    if matrix is None:
        return None
    height, width = before.shape
    agreement, coverage = _votes(points[:, 0], start[inliers.ravel() == 1], matrix, (width, height))
    return (matrix, agreement, coverage) if agreement >= MIN_AGREEMENT else None


def _votes(points: Points, inliers: Points, matrix: Matrix, size: tuple[int, int]) -> tuple[float, float]:
    """Share of the cells with points in which at least half follow the fit, and share with points.

    Points (N, 2) that the fit takes out of the picture have no vote.
    """
    edges = [np.linspace(0, side, cells + 1) for side, cells in zip(size, GRID, strict=True)]
    target = points @ matrix[:, :2].T + matrix[:, 2]
    stays = ((target >= 0) & (target < np.array(size))).all(axis=1)
    all_points = np.histogram2d(points[stays, 0], points[stays, 1], edges)[0]
    good_points = np.histogram2d(inliers[:, 0], inliers[:, 1], edges)[0]
    used = all_points > 0
    if not used.any():
        return 0.0, 0.0
    return float(np.mean(good_points[used] >= all_points[used] / 2)), float(used.mean())


def _moved_share(before: Image, after: Image, matrix: Matrix) -> float:
    """Share of the overlap that differs once the camera's motion and a change of light are undone."""
    size = (before.shape[1], before.shape[0])
    warped = cv2.warpAffine(before, matrix, size)
    overlap = cv2.warpAffine(np.full_like(before, 255), matrix, size) == 255
    if not overlap.any():
        return 0.0
    difference = cv2.blur(after, (3, 3)).astype(np.int16) - cv2.blur(warped, (3, 3))
    inside = difference[overlap]
    return float(np.mean(np.abs(inside - np.median(inside)) > MOVED_LEVELS))
