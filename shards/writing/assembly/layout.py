"""Which samples make a shard, and where each byte of it lies."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shards.format import canonical_json
from shards.writing.assembly.catalog import Catalog
from shards.writing.assembly.samples import NewMember, NewSample
from shards.writing.generations import GENERATION_HEX
from shards.writing.placement import positions
from shards.writing.shard_plan import END_OF_ARCHIVE, member_bytes


@dataclass(frozen=True)
class Packing:
    """How samples are divided into shards; `seed` shuffles them."""

    samples_per_shard: int
    shard_bytes: int
    seed: int


@dataclass(frozen=True)
class PlacedMember:
    """A member, and where its header begins in the tar."""

    member: NewMember
    name: str
    start: int


@dataclass(frozen=True)
class NewShard:
    """A shard that is to be written. `samples` are in the order of the tar, each with its members."""

    generation: str
    split: str
    number: int
    samples: tuple[tuple[NewSample, tuple[PlacedMember, ...]], ...]
    size_bytes: int

    @property
    def shard_id(self) -> str:
        """Its path without the ending."""
        return f"{self.generation}/{self.split}/{self.number:06d}"


def generation_of(catalog: Catalog, packing: Packing) -> str:
    """The name of a generation: a hash of all samples and of how they are packed."""
    digest = hashlib.sha256(
        canonical_json([packing.samples_per_shard, packing.shard_bytes, packing.seed]).encode()
    )
    for each in catalog.digests():
        digest.update(each.encode())
    return digest.hexdigest()[:GENERATION_HEX]


def lay_out(catalog: Catalog, packing: Packing, generation: str) -> Iterator[NewShard]:
    """Every shard of a generation, one after the other.

    A split is shuffled by hash(key, seed) and cut into shards of equal counts, as many as it takes for
    shards of at most `samples_per_shard`, and of `shard_bytes` on average, as packing does it.
    """
    for split, (count, size) in catalog.totals().items():
        num_shards = num_shards_of(count, size, packing)
        held: list[NewSample] = []
        number = 0
        for place, sample in enumerate(catalog.shuffled(split)):
            if place * num_shards // count != number:
                yield _shard(generation, split, number, held)
                held, number = [], number + 1
            held.append(sample)
        yield _shard(generation, split, number, held)


def num_shards_of(count: int, size_bytes: int, packing: Packing) -> int:
    """Into how many shards so many samples go."""
    return min(count, max(-(-count // packing.samples_per_shard), -(-size_bytes // packing.shard_bytes)))


def _shard(generation: str, split: str, number: int, samples: Sequence[NewSample]) -> NewShard:
    by_key = sorted(samples, key=lambda sample: sample.key)
    members_of = [tuple(member.extension for member in sample.members) for sample in by_key]
    # Readers that take a table's columns from the first samples shall meet the usual ones there.
    usual = min(Counter(members_of).items(), key=lambda item: (-item[1], item[0]))[0]
    place = positions(
        np.zeros(len(by_key), np.int64),
        np.array([each == usual for each in members_of]),
        np.array([sample.richness for sample in by_key], np.int64),
    )
    placed = []
    start = 0
    for turn in np.argsort(place):
        sample = by_key[turn]
        members = []
        for member in sample.members:
            members.append(PlacedMember(member, f"{sample.key}.{member.extension}", start))
            start += member_bytes(member.size)
        placed.append((sample, tuple(members)))
    return NewShard(generation, split, number, tuple(placed), start + len(END_OF_ARCHIVE))
