"""Pairs of 64-bit hashes that may be close, without comparing all with all.

A hash is turned so that each of its three pieces of 21 bits comes to the front once, and the turned hashes
are sorted. Hashes with the same front are a bucket. Two hashes at most 2 bits apart share a bucket at least
once, since 2 bits cannot lie in three pieces; of hashes further apart most do too, and a clip has several.
A bucket gives pairs in proportion to its size, never to its square, so that 10^5 copies cost what 10^5
others do: each hash with the next few in the order of its remaining bits, and with the oldest if those are
not all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curation.dedup.components import Numbers

PIECE_BITS = 21
PIECES = 3
NEXT = 4
"""How many of the next hashes in a bucket each is paired with; buckets up to this size + 1 give all pairs."""
_OTHER_BUCKET = np.uint64(1) << np.uint64(64 - PIECE_BITS)
"""Two values differ by this or more where their first bits do."""


def candidates(hashes: NDArray[np.uint64], max_bits: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Arrays of pairs (a[i], b[i]) of positions in `hashes`, some of them more than once.

    Left out are pairs that differ in more than `max_bits`, as far as the sorted values tell: they lack the
    last few bits, which make room for the position.
    """
    position = np.uint64((1 << max(1, (len(hashes) - 1).bit_length())) - 1)
    positions = np.arange(len(hashes), dtype=np.uint64)
    for piece in range(PIECES):
        packed = _turned(hashes, piece * PIECE_BITS)
        packed &= ~position
        packed |= positions
        packed.sort()
        for first, second in _pairs(packed, position):
            close = np.bitwise_count((first ^ second) & ~position) <= max_bits
            yield tuple((packed_[close] & position).astype(np.int64) for packed_ in (first, second))


def _pairs(
    packed: NDArray[np.uint64], position: np.uint64
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """Pairs of sorted values whose first bits are the same."""
    here = np.arange(len(packed))
    for step in range(1, NEXT + 1):
        here = _in_one_bucket(packed, here, step)
        yield packed[here], packed[here + step]
    here = _in_one_bucket(packed, here, NEXT + 1)
    if len(here):
        yield _with_the_oldest(packed, here, position)


def _in_one_bucket(packed: NDArray[np.uint64], here: Numbers, step: int) -> Numbers:
    """The places, of some, whose value is in one bucket with that `step` further on."""
    here = here[: np.searchsorted(here, len(packed) - step)]
    return here[(packed[here + step] ^ packed[here]) < _OTHER_BUCKET]


def _with_the_oldest(
    packed: NDArray[np.uint64], here: Numbers, position: np.uint64
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Each value of the large buckets, those that `here` and the next few places lie in, with the one of
    lowest position."""
    large = np.zeros(len(packed), np.bool_)
    for step in range(NEXT + 2):
        large[here + step] = True
    members = packed[large]
    other = members[1:] ^ members[:-1] >= _OTHER_BUCKET
    starts = np.flatnonzero(np.concatenate([[True], other]))
    sizes = np.diff(np.append(starts, len(members)))
    order = np.lexsort((members & position, np.repeat(np.arange(len(starts)), sizes)))
    return np.repeat(members[order[starts]], sizes), members


def _turned(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return (hashes << np.uint64(bits)) | (hashes >> np.uint64((64 - bits) % 64))
