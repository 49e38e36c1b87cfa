"""Who writes what, where several processes hold the same."""

from __future__ import annotations

from collections.abc import Mapping


def share(sizes: Mapping[str, int], rank: int, world_size: int) -> frozenset[str]:
    """The names whose tensors a process writes: no two the same ones, and all about as much."""
    load = [0] * world_size
    mine: set[str] = set()
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = load.index(min(load))
        load[least] += sizes[name]
        if least == rank:
            mine.add(name)
    return frozenset(mine)
