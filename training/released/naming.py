"""Long lists of parameter names, folded: `blocks.{0-39}.mlp.fc1.{bias,weight}`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

Parts = tuple[str, ...]


def folded(names: Iterable[str]) -> list[tuple[str, int]]:
    """Patterns that stand for the names, each with how many it stands for, in the order of the names.

    Numbers that differ between otherwise equal names are folded, then weights and biases.
    """
    groups: dict[Parts, int] = {tuple(name.split(".")): 1 for name in names}
    length = max(map(len, groups), default=0)
    for position in range(length):
        groups = _fold(groups, position, numbers=True)
    groups = _fold(groups, -1, numbers=False)
    return [(".".join(parts), count) for parts, count in groups.items()]


def _fold(groups: dict[Parts, int], position: int, *, numbers: bool) -> dict[Parts, int]:
    """Join the groups that differ at one position only."""
    alike: dict[Parts, list[Parts]] = defaultdict(list)
    for parts in groups:
        foldable = position < len(parts) and (
            parts[position].isdecimal() if numbers else parts[-1] in ("weight", "bias")
        )
        place = position % len(parts)
        alike[(*parts[:place], "", *parts[place + 1 :]) if foldable else parts].append(parts)
    joined: dict[Parts, int] = {}
    for key, members in alike.items():
        place = position % len(key)
        if len(members) == 1:
            joined[members[0]] = groups[members[0]]
            continue
        words = [parts[place] for parts in members]
        text = _ranges(sorted(map(int, words))) if numbers else ",".join(sorted(words))
        joined[(*key[:place], f"{{{text}}}", *key[place + 1 :])] = sum(groups[parts] for parts in members)
    return joined


def _ranges(values: list[int]) -> str:
    """Sorted numbers as `0-3,7`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
