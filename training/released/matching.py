"""The tensors of a file against those of a model, name by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.released.errors import CheckpointMismatchError
from training.released.naming import folded

if TYPE_CHECKING:
    from torch import Tensor, nn

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """What the model has and the file has not, the other way round, and what both have in different shapes
    (name to the shape in the file and in the model)."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: Mapping[str, tuple[Shape, Shape]]

    @property
    def none(self) -> bool:
        """Whether a strict load works."""
        return not (self.missing or self.unexpected or self.reshaped)

    def lines(self) -> list[str]:
        """A line for each group of names, under a title for each of the three kinds."""
        lines = []
        for title, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            lines += [f"{title}: {len(names)}"] if names else []
            lines += [
                f"  {pattern}" + (f" ({count})" if count > 1 else "") for pattern, count in folded(names)
            ]
        alike: dict[tuple[Shape, Shape], list[str]] = {}
        for name, shapes in self.reshaped.items():
            alike.setdefault(shapes, []).append(name)
        lines += [f"reshaped: {len(self.reshaped)}"] if self.reshaped else []
        for (given, wanted), group in alike.items():
            lines += [
                f"  {pattern}: {list(given)} in the file, {list(wanted)} in the model"
                for pattern, _ in folded(group)
            ]
        return lines


def compare(given: Shapes, wanted: Shapes) -> Mismatch:
    """What differs between the shapes in a file and those of a model."""
    return Mismatch(
        missing=tuple(name for name in wanted if name not in given),
        unexpected=tuple(name for name in given if name not in wanted),
        reshaped={
            name: (tuple(given[name]), tuple(shape))
            for name, shape in wanted.items()
            if name in given and tuple(given[name]) != tuple(shape)
        },
    )


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    """Shapes by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def load_strictly(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    allow_new: Collection[str] = (),
    assign: bool = False,
) -> None:
    """Fill a model from tensors by name; nothing is passed over in silence.

    The names in `allow_new` may be missing: they keep their values. With `assign` the tensors become the
    parameters, in their dtype; else they are copied into those of the model. `source` names the file in
    messages.

    Raises:
        CheckpointMismatchError: anything else is missing, left over or of another shape; all are listed.
    """
    found = compare(shapes_of(tensors), shapes_of(model.state_dict()))
    missing = tuple(name for name in found.missing if name not in allow_new)
    rest = replace(found, missing=missing)
    if not rest.none:
        listed = "\n  ".join(rest.lines())
        raise CheckpointMismatchError(
            f"{source} does not fit {type(model).__name__}, and nothing was loaded.\n  {listed}\n"
            f"cliploom checkpoints inspect {source} says what the file is."
        )
    model.load_state_dict(tensors, strict=not found.missing, assign=assign)
