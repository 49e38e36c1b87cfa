"""Near-duplicates by the perceptual hashes of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.components import Components, Numbers
from curation.dedup.config import NearSettings
from curation.dedup.lsh import candidates
from curation.dedup.standing import stands_for

_PAIRS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints by rank: hashes [N, K], 0 for a frame without structure, durations in seconds [N], and a
    number for the source of each [N], None where clips of one source may be alike."""

    hashes: NDArray[np.uint64]
    durations_s: NDArray[np.float64]
    sources: Numbers | None = None

    def alike(self, a: Numbers, b: Numbers, config: NearSettings) -> NDArray[np.bool_]:
        """Which pairs are near-duplicates: durations agree, and so do frames at the same place.

        The distance of two clips is the mean number of differing bits over the places where at least one
        of them has structure.
        """
        found = np.empty(len(a), np.bool_)
        for start in range(0, len(a), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            found[part] = self._alike(a[part], b[part], config)
        return found

    def equal(self, a: Numbers, b: Numbers) -> NDArray[np.bool_]:
        """Which pairs have the same hashes."""
        return np.asarray((self.hashes[a] == self.hashes[b]).all(axis=1))

    def _alike(self, a: Numbers, b: Numbers, config: NearSettings) -> NDArray[np.bool_]:
        hashes_a, hashes_b = self.hashes[a], self.hashes[b]
        bits = np.bitwise_count(hashes_a ^ hashes_b).sum(1, dtype=np.int64)
        places = np.count_nonzero(hashes_a | hashes_b, axis=1)
        longer_s = np.maximum(self.durations_s[a], self.durations_s[b])
        difference_s = np.abs(self.durations_s[a] - self.durations_s[b])
        same_length = difference_s <= config.max_duration_difference * longer_s
        like = (bits <= config.max_distance_bits * places) & same_length
        if self.sources is not None:
            like &= self.sources[a] != self.sources[b]
        return np.asarray(like)


def near_duplicates(fingerprints: Fingerprints, config: NearSettings) -> Numbers:
    """For each fingerprint, by rank, the one that stands for it."""
    components = Components(len(fingerprints.hashes))
    searched = np.arange(len(fingerprints.hashes))
    for column in fingerprints.hashes.T:
        with_structure = searched[column[searched] != 0]
        for pair in candidates(column[with_structure], int(config.max_distance_bits)):
            a, b = (with_structure[one] for one in pair)
            new = components.roots(a) != components.roots(b)
            a, b = a[new], b[new]
            like = fingerprints.alike(a, b, config)
            components.join(a[like], b[like])
        roots = components.roots(searched)
        joined = np.flatnonzero(roots != searched)
        pair = searched[joined], roots[joined]
        # What equals the first of its component, bit for bit, leads to nothing that this one does not.
        needless = fingerprints.equal(*pair) & fingerprints.alike(*pair, config)
        searched = np.delete(searched, joined[needless])
    return stands_for(components.roots(), lambda a, b: fingerprints.alike(a, b, config))


def read_fingerprints(
    table: pa.Table, rows: Numbers, sources: Numbers | None
) -> tuple[NDArray[np.bool_], Fingerprints]:
    """Some rows of a table of `Fingerprint`: which of them are not flat, and what those hold. `sources` are
    the numbers of their sources."""
    flat = np.asarray(table.column("flat"), dtype=np.bool_)
    hashes = table.column("hashes").combine_chunks().flatten().to_numpy().view(np.uint64)
    hashes = hashes.reshape(table.num_rows, -1 if table.num_rows else 1)
    usable = ~flat[rows]
    return usable, Fingerprints(
        hashes[rows[usable]],
        table.column("duration_s").to_numpy()[rows[usable]],
        None if sources is None else sources[usable],
    )
