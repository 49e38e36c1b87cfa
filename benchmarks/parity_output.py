"""How far an output of ours is from the one that a reference model gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Difference:
    """Largest distance of the values of one output: absolute, and as a share of the reference's values."""

    output: str
    absolute: float
    relative: float


def difference(
    output: str, ours: npt.ArrayLike, reference: npt.ArrayLike, *, scale: float | None = None
) -> Difference:
    """Compare all values of an output.

    A distance is relative to the reference's value or to `scale`, whichever is larger: rounding alone moves
    a value that happens to be near 0 by much of itself. `scale` is what values of the output typically are,
    by default the root mean square of the reference's.

    Raises:
        ValueError: the two do not have the same shape.
    """
    got, wanted = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    if got.shape != wanted.shape:
        raise ValueError(f"{output}: ours is {list(got.shape)}, the reference {list(wanted.shape)}")
    apart = np.abs(got - wanted)
    if scale is None:
        scale = float(np.sqrt(np.mean(np.square(wanted))))
    relative = apart / np.maximum(np.abs(wanted), max(scale, np.finfo(np.float32).tiny))
    return Difference(output, _largest(apart), _largest(relative))


def _largest(values: npt.NDArray[np.float64]) -> float:
    # Not a number is above no tolerance, so it is told as the largest number: JSON knows no infinity.
    return float(np.nan_to_num(values, nan=np.inf).max())
