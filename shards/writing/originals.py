"""Which clip of several with the same content is kept."""

from __future__ import annotations

import pyarrow as pa


def originals_of(duplicates: pa.Table, previous: pa.Table | None) -> dict[str, str]:
    """Clips that are left out, each with the clip that stands for it.

    That is the one that dedup names, unless another of them is already in a shard: what was packed
    stays, so that a new copy never lets an old shard be written anew.
    """
    packed = set(previous["clip_id"].to_pylist()) if previous is not None else set()
    stands_for: dict[str, str] = {}
    columns = (duplicates[name].to_pylist() for name in ("clip_id", "duplicate_of"))
    pairs = sorted(zip(*columns, strict=True))
    for clip, named in pairs:
        if clip in packed and named not in packed:
            stands_for.setdefault(named, clip)
    originals = dict(stands_for)
    for clip, named in pairs:
        kept = stands_for.get(named, named)
        if clip != kept:
            originals[clip] = kept
    return originals
