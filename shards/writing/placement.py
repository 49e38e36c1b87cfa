"""Where every clip goes: which stay where they are, and the shards of the new generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.writing.hashing import hash64

EXEMPLARS = 5


@dataclass(frozen=True)
class Places:
    """By number of the clip. `kept_row` is the row of the last selection that stays as it is, -1 for
    none; `shard` and `position` are those in the new generation."""

    generation: str
    kept_row: NDArray[np.int64]
    split: NDArray[np.bytes_]
    shard: NDArray[np.int64]
    position: NDArray[np.int64]


def shard_numbers(
    clip_ids: Sequence[str], size_bytes: NDArray[np.int64], *, seed: int, max_samples: int, max_bytes: int
) -> NDArray[np.int64]:
    """The shard, counted from 0, of each clip of a split of a generation.

    Clips are shuffled by hash(clip_id, seed) and cut into shards of equal counts, as many as it takes
    for shards of at most `max_samples`, and of `max_bytes` on average.
    """
    count = len(clip_ids)
    num_shards = min(count, max(-(-count // max_samples), -(-int(size_bytes.sum()) // max_bytes)))
    hashes = np.fromiter((hash64("shard", seed, clip) for clip in clip_ids), np.uint64, count)
    order = np.lexsort((np.asarray(clip_ids), hashes))
    numbers = np.empty(count, np.int64)
    numbers[order] = np.arange(count) * num_shards // count
    return numbers


def positions(
    shards: NDArray[np.int64], has_sound: NDArray[np.bool_], richness: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The place of each clip in its shard, for clips in the order of their ids: shards are sorted by key,
    but for a few samples at the front which show what samples have.

    Hugging Face `datasets` takes the columns from the first five samples of the first shard, and
    refuses a shard where these differ in members; so they are the richest five that are alike.
    """
    found = np.empty(len(shards), np.int64)
    order = np.argsort(shards, kind="stable")
    borders = np.flatnonzero(np.diff(shards[order])) + 1
    for clips in np.split(order, borders):
        sound = has_sound[clips]
        alike = sound if sound.sum() >= min(EXEMPLARS, (~sound).sum()) else ~sound
        front = np.lexsort((-richness[clips], ~alike))[:EXEMPLARS]
        later = np.ones(len(clips), np.bool_)
        later[front] = False
        found[clips[np.argsort(later, kind="stable")]] = np.arange(len(clips))
    return found
