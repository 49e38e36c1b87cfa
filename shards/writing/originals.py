"""Which clip of several with the same content is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import pyarrow as pa


def originals_of(duplicates: pa.Table, previous: pa.Table | None, unfit: Collection[str]) -> dict[str, str]:
    """Clips that are left out, each with the clip that stands for it.

    That is the one that dedup names, unless another of them is already in a shard: what was packed stays, so
    that a new copy never lets an old shard be written anew. A clip of `unfit` stands for others only where
    all of them are, so that no content is lost which one of its copies would bring.
    """
    packed = set(previous["clip_id"].to_pylist()) if previous is not None else set()
    alike: dict[str, list[str]] = defaultdict(list)
    columns = (duplicates[name].to_pylist() for name in ("clip_id", "duplicate_of"))
    for clip, named in sorted(zip(*columns, strict=True)):
        alike[named].append(clip)
    originals = {}
    for named, clips in alike.items():
        all_of_them = [named, *clips]
        kept = min(all_of_them, key=lambda clip: (clip in unfit, clip not in packed))
        originals.update({clip: kept for clip in all_of_them if clip != kept})
    return originals
