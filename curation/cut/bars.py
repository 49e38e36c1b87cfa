"""Black bars around the picture: rows and columns that stay black in pictures from all over the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.records import Crop

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

_BLACK = 22
"""Brightest value of a bar, where black is 0 and encoders blur."""
_STRAY_SHARE = 0.01
"""Pixels of a row of a bar that may be brighter: noise, and the blur of what is beside its ends."""
_LIT_SHARE = 0.05
"""Least share of brighter pixels in a picture that tells anything; the rest are fades and night."""
_LEAST_PICTURES = 2
_EDGE = 16
"""Least step from a bar to the mean of the rows beside it in some picture: dark scenery fades in."""
_EDGE_ROWS = 4
_LEAST_BAR_PX, _LEAST_BAR_SHARE = 4, 0.01
_MOST_SHARE = 0.4
_UNEVEN_SHARE = 0.02
"""How far apart, as a share of the side, bars on opposite sides may be and both be bars."""


@dataclass(frozen=True)
class _Bars:
    """Rows before and after the picture."""

    before: int
    after: int


def find_bars(pictures: Sequence[Picture]) -> Crop | None:
    """The bars to cut off, even numbers of pixels; None where there are none.

    `pictures` are gray, uint8 [H, W] of 0..255, all of one size. Bars are on opposite sides and about
    equal, or on one side only; they take up no more than 40 % of a side.
    """
    import numpy as np

    lit = [picture for picture in pictures if (picture > _BLACK).mean() > _LIT_SHARE]
    if len({picture.tobytes() for picture in lit}) < _LEAST_PICTURES:
        return None
    stack = np.stack(lit)
    rows = _bars(stack)
    height = stack.shape[1]
    columns = _bars(stack[:, rows.before : height - rows.after].transpose(0, 2, 1))
    crop = Crop(left_px=columns.before, top_px=rows.before, right_px=columns.after, bottom_px=rows.after)
    return crop if any((*_sides(rows), *_sides(columns))) else None


def _sides(bars: _Bars) -> tuple[int, int]:
    return (bars.before, bars.after)


def _bars(stack: Any) -> _Bars:
    """Bars above and below pictures uint8 [N, H, W]."""
    length = stack.shape[1]
    before, after = _bar(stack), _bar(stack[:, ::-1])
    if before and after and abs(before - after) > max(2, _UNEVEN_SHARE * length):
        before = after = min(before, after)
    return _Bars(before, after) if before + after <= _MOST_SHARE * length else _Bars(0, 0)


def _bar(stack: Any) -> int:
    """Rows of the bar above pictures uint8 [N, H, W]: an even number, 0 where there is none."""
    import numpy as np

    dark = ((stack > _BLACK).mean(axis=2) <= _STRAY_SHARE).all(axis=0)
    size = int(np.argmin(dark)) if not dark.all() else 0
    if size < max(_LEAST_BAR_PX, _LEAST_BAR_SHARE * stack.shape[1]):
        return 0
    bar = stack[:, :size].mean(axis=(1, 2))
    beside = stack[:, size : size + _EDGE_ROWS].mean(axis=(1, 2))
    if (beside - bar).max() < _EDGE:
        return 0
    return size + size % 2
