"""What the reader yields: a raw sample, and the position after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawSample:
    """The bytes of a sample as they lie in the shard, by extension (`mp4`, `flac`, `json`, `jpg`).

    `index` is the global slot that it fills, counted over all epochs and equal for any number of
    ranks: the number to key augmentation on. `epoch` is the pass over the data, from 0.
    """

    key: str
    index: int
    epoch: int
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on after a sample: the first global slot that the ranks have not consumed, once
    each of them has consumed as many samples as this one."""

    slot: int
