"""Patterns of paths that fit the tars of one split, and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile

from shards.reading.manifest import Shard

MAX_LISTED = 20
"""Tars of a split that are named one by one where no pattern fits; of more, the first ones are."""


def tar_patterns(shards: Sequence[Shard]) -> dict[str, tuple[str, ...]]:
    """By split: one pattern where there is one, else the paths; relative to the folder of the tars."""
    paths: dict[str, list[str]] = defaultdict(list)
    for shard in shards:
        paths[shard.split].append(shard.path)
    found = {}
    for split, mine in paths.items():
        others = [path for other, theirs in paths.items() if other != split for path in theirs]
        fitting = (each for each in _candidates(split, mine) if _fits(each, mine, others))
        pattern = next(fitting, None)
        found[split] = (pattern,) if pattern else tuple(mine[:MAX_LISTED])
    return found


def _candidates(split: str, paths: Sequence[str]) -> Iterator[str]:
    if split:
        yield f"*/{split}/*.tar"
    depth = paths[0].count("/")
    # The names of the first and the last in order have in common what all have.
    pairs = zip(min(paths), max(paths), strict=False)
    common = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    folder = common.rpartition("/")[0]
    starts = [f"{folder}/" if folder else ""]
    if common.rpartition("/")[2] and len(paths) > 1:
        starts.append(common)
    for start in starts:
        yield start + "*/" * (depth - start.count("/")) + "*.tar"


def _fits(pattern: str, mine: Sequence[str], others: Sequence[str]) -> bool:
    return all(_match(path, pattern) for path in mine) and not any(_match(path, pattern) for path in others)


def _match(path: str, pattern: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
