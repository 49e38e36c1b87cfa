"""Whether a picture shows writing: rows of thin, evenly coloured shapes that stand on a common line.

A classical detector without a model, built to miss rather than to invent: it wants several letters of
like height, colour and stroke side by side on one baseline. Handwriting, a single short word and very
small or slanted writing escape it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.filters.measures.pictures import Image

SHORT_SIDE_PX = 480
STROKE_SHARE = 0.05
"""Strokes are at most this thick, as a share of the picture's short side."""
MIN_CONTRAST = 40
MIN_LETTER_PX = 8
MAX_LETTER_SHARE = 0.3
MAX_SHAPES = 3000
"""More thin shapes than this are foliage or noise."""
MIN_LETTERS = 5
MIN_CERTAINTY = 0.72
"""Least separability (0..1) of strokes and ground for a row of `MIN_LETTERS`; each further letter makes
up for `PER_LETTER` of it."""
PER_LETTER = 0.02
GRID = 1000
RING_SHARE = 0.2
"""Ground around a stroke that is compared with it, as a share of the letters' height."""


@dataclass(frozen=True)
class TextRow:
    """A row of letters; the box is in shares of the picture's width and height."""

    left: float
    top: float
    right: float
    bottom: float
    num_letters: int


@dataclass(frozen=True)
class _Shapes:
    """Thin connected shapes, one row of `boxes` (x, y, w, h) each, from left to right."""

    boxes: NDArray[np.int64]
    luma: NDArray[np.float64]
    stroke_px: NDArray[np.float64]
    fill: NDArray[np.float64]

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> _Shapes:
        return _Shapes(self.boxes[chosen], self.luma[chosen], self.stroke_px[chosen], self.fill[chosen])

    def __len__(self) -> int:
        return len(self.boxes)


def text_rows(picture: Image, later: Image | None = None) -> list[TextRow]:
    """Rows of writing in a BGR picture, light on dark and dark on light.

    With a `later` picture of the same size, only what stands in the same place in both.
    """
    luma = _enlarged(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    later_luma = None if later is None else _enlarged(cv2.cvtColor(later, cv2.COLOR_BGR2GRAY))
    height, width = luma.shape
    found: list[TextRow] = []
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        mask = _strokes(luma, operation)
        if later_luma is not None:
            mask &= _strokes(later_luma, operation)
        for row in _rows(_letters(luma, mask)):
            certainty = _separability(luma, mask, row) + PER_LETTER * (len(row) - MIN_LETTERS)
            if certainty >= MIN_CERTAINTY:
                found.append(_text_row(row, width, height))
    return _outermost(found)


def covered_share(rows: Sequence[TextRow]) -> float:
    """Share of the picture (0..1) under the boxes of rows, to a thousandth of its sides."""
    covered = np.zeros((GRID, GRID), bool)
    for row in rows:
        top, bottom, left, right = (round(side * GRID) for side in (row.top, row.bottom, row.left, row.right))
        covered[top:bottom, left:right] = True
    return float(covered.mean())


def _strokes(luma: Image, operation: int) -> Image:
    """Where (1, else 0) the picture has thin shapes, light ones for a top hat, dark ones for a black hat.

    A pixel belongs to one where its relief reaches half of the highest nearby.
    """
    size = max(3, round(STROKE_SHARE * min(luma.shape)) * 2 + 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    relief = cv2.morphologyEx(luma, operation, kernel)
    peak = cv2.dilate(relief, kernel)
    at_least = peak - peak // 2
    return np.asarray(((relief >= MIN_CONTRAST) & (relief >= at_least)).astype(np.uint8))


def _outermost(rows: list[TextRow]) -> list[TextRow]:
    """The rows without those inside another: the gaps between dark letters are light shapes in a row."""
    kept: list[TextRow] = []
    for row in sorted(rows, key=lambda row: (row.left - row.right, row.top)):
        middle = (row.left + row.right) / 2, (row.top + row.bottom) / 2
        if not any(
            other.left <= middle[0] <= other.right and other.top <= middle[1] <= other.bottom
            for other in kept
        ):
            kept.append(row)
    return kept


def _text_row(row: _Shapes, width: int, height: int) -> TextRow:
    x, y, w, h = row.boxes.T
    return TextRow(
        left=float(x.min() / width),
        top=float(y.min() / height),
        right=float((x + w).max() / width),
        bottom=float((y + h).max() / height),
        num_letters=len(row),
    )


def _enlarged(luma: Image) -> Image:
    """The picture with a short side of `SHORT_SIDE_PX` at least, so that small letters fall apart."""
    scale = SHORT_SIDE_PX / min(luma.shape)
    if scale <= 1:
        return luma
    return np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def _letters(luma: Image, mask: Image) -> _Shapes:
    """Connected shapes of the mask that could each be a letter."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes, areas = stats[1:, :4].astype(np.int64), stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    if count - 1 > MAX_SHAPES:
        return _Shapes(boxes[:0], areas[:0], areas[:0], areas[:0])
    width, height = boxes[:, 2], boxes[:, 3]
    fill = areas / (width * height)
    sized = np.flatnonzero(
        (height >= MIN_LETTER_PX)
        & (height <= MAX_LETTER_SHARE * luma.shape[0])
        & (width <= 1.6 * height)
        & (width >= 0.08 * height)
        & (fill >= 0.15)
    )
    # Most shapes are too small: only the pixels of the others are looked at.
    number = np.full(count, -1)
    number[sized + 1] = np.arange(len(sized))
    inked = np.flatnonzero(mask)
    owner = number[labels.ravel()[inked]]
    inked, owner = inked[owner >= 0], owner[owner >= 0]
    levels = luma.ravel()[inked].astype(np.float64)
    deepest = np.zeros(len(sized))
    np.maximum.at(deepest, owner, cv2.distanceTransform(mask, cv2.DIST_L2, 3).ravel()[inked])
    means = np.bincount(owner, levels, len(sized)) / areas[sized]
    squares = np.bincount(owner, levels**2, len(sized)) / areas[sized]
    spread = np.sqrt(np.maximum(squares - means**2, 0))
    shapes = _Shapes(boxes[sized], means, 2.0 * deepest, fill[sized])
    kept = shapes.take((shapes.stroke_px <= 0.5 * shapes.boxes[:, 3]) & (spread <= 45))
    return kept.take(np.argsort(kept.boxes[:, 0], kind="stable"))


def _rows(letters: _Shapes) -> Iterator[_Shapes]:
    """Groups of neighbours that look alike and stand on a common line."""
    owner = list(range(len(letters)))

    def root(index: int) -> int:
        while owner[index] != index:
            index = owner[index]
        return index

    for left, right in _neighbours(letters):
        owner[root(right)] = root(left)
    groups: dict[int, list[int]] = {}
    for index in range(len(letters)):
        groups.setdefault(root(index), []).append(index)
    for members in groups.values():
        row = letters.take(np.array(members))
        if len(row) >= MIN_LETTERS and _is_writing(row):
            yield row


def _neighbours(letters: _Shapes) -> Iterator[tuple[int, int]]:
    x, y, width, height = letters.boxes.T
    ends = np.searchsorted(x, x + width + 1.8 * height, side="right")
    for left in range(len(letters)):
        right = np.arange(left + 1, ends[left])
        tall = np.maximum(height[left], height[right])
        low = np.minimum(height[left], height[right])
        overlap = np.minimum(y[left] + height[left], y[right] + height[right]) - np.maximum(y[left], y[right])
        gap = x[right] - x[left] - width[left]
        alike = (
            (gap <= 0.9 * tall)
            & (gap >= -0.2 * tall)
            & (tall <= 2.0 * low)
            & (overlap >= 0.6 * low)
            & (np.abs(letters.luma[left] - letters.luma[right]) <= 30)
            & (
                np.maximum(letters.stroke_px[left], letters.stroke_px[right])
                <= 2 * np.minimum(letters.stroke_px[left], letters.stroke_px[right])
            )
        )
        for index in right[alike]:
            yield left, int(index)


def _is_writing(row: _Shapes) -> bool:
    """A straight, nearly level baseline, letters that differ in width, and no stacking."""
    x, y, width, height = row.boxes.T
    tall = float(np.median(height))
    bottom = y + height
    slope, level = np.polyfit(x, bottom, 1)
    on_line = np.abs(bottom - slope * x - level) <= 0.15 * tall
    differing = float(np.std(width)) >= 0.12 * tall or float(np.std(row.fill)) >= 0.07
    side_by_side = float(width.sum()) <= 1.2 * float((x + width).max() - x.min())
    return bool(on_line.mean() >= 0.7 and abs(slope) <= 0.1 and differing and side_by_side)


def _separability(luma: Image, mask: Image, row: _Shapes) -> float:
    """How far luma on and around the strokes falls into two (0..1, Otsu's criterion)."""
    x, y, width, height = row.boxes.T
    window = (slice(y.min(), (y + height).max()), slice(x.min(), (x + width).max()))
    reach = max(3, round(RING_SHARE * float(np.median(height))) * 2 + 1)
    near = cv2.dilate(mask[window], np.ones((reach, reach), np.uint8)) > 0
    values, inked = luma[window][near].astype(np.float64), mask[window][near] > 0
    total = float(values.var())
    if not total or inked.all():
        return 0.0
    share = float(inked.mean())
    return share * (1 - share) * float(values[inked].mean() - values[~inked].mean()) ** 2 / total
