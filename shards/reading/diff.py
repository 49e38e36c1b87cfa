"""What differs between two datasets: samples, splits and shards.

The samples of both are put side by side on disk, by key, so memory does not grow with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from shards.format import MEDIA_TYPES, canonical_json
from shards.reading.manifest import ShardList, open_shards
from shards.reading.tars import read_index

TEXT = MEDIA_TYPES["text"]
MAX_NAMED = 1000
_SCHEMA = """
CREATE TABLE {side} (
    key TEXT, copy INTEGER, split TEXT, media TEXT, texts TEXT, PRIMARY KEY (key, copy)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Change:
    """A sample that is in one of the datasets only, or not the same in both. `what` is `added`, `removed`,
    `media`, `metadata` (its .json or .txt), `media and metadata`, or `split`."""

    key: str
    what: str
    detail: str


@dataclass(frozen=True)
class DatasetDiff:
    """Counts of all changes, and the first `MAX_NAMED` of them. Shards are the same when the sha256 of their
    tars are; where there is no manifest they are compared by their indexes."""

    version_a: str
    version_b: str
    num_samples_a: int
    num_samples_b: int
    shared_shards: int
    only_a_shards: int
    only_b_shards: int
    same: int
    counts: dict[str, int]
    changes: list[Change] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether both hold the same samples in the same splits; how they are packed does not matter."""
        return not self.counts


def diff(a: str | Sequence[str], b: str | Sequence[str]) -> DatasetDiff:
    """Compare two datasets by their indexes.

    Raises:
        ShardError: a URL is refused, or a manifest or an index cannot be used.
        FileNotFoundError: there is nothing at a URL.
    """
    lists = (open_shards(a), open_shards(b))
    hashes = [{shard.sha256 or shard.index_sha256 for shard in one.shards} for one in lists]
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        counts = [_load(db, side, one) for side, one in zip("ab", lists, strict=True)]
        found: dict[str, int] = {}
        changes: list[Change] = []
        for change in _changes(db):
            found[change.what] = found.get(change.what, 0) + 1
            if len(changes) < MAX_NAMED:
                changes.append(change)
        (same,) = db.execute(
            "SELECT count(*) FROM a JOIN b USING (key, copy) "
            "WHERE a.media = b.media AND a.texts = b.texts AND a.split = b.split"
        ).fetchone()
    return DatasetDiff(
        version_a=lists[0].version,
        version_b=lists[1].version,
        num_samples_a=counts[0],
        num_samples_b=counts[1],
        shared_shards=len(hashes[0] & hashes[1]),
        only_a_shards=len(hashes[0] - hashes[1]),
        only_b_shards=len(hashes[1] - hashes[0]),
        same=same,
        counts=found,
        changes=changes,
    )


def _load(db: sqlite3.Connection, side: str, shards: ShardList) -> int:
    db.execute(_SCHEMA.format(side=side))
    count = 0
    for shard in shards.shards:
        index = read_index(shard)
        for row in range(len(index)):
            entry = index[row]
            hashes = sorted((member.extension, member.sha256) for member in entry.members)
            media = canonical_json([each for each in hashes if each[0] not in TEXT])
            texts = canonical_json([each for each in hashes if each[0] in TEXT])
            # A key that comes again, as keys of others' tars may, is compared with its next turn.
            query = f"SELECT count(*) FROM {side} WHERE key = ?"  # noqa: S608 - a or b
            (copy,) = db.execute(query, (entry.key,)).fetchone()
            row_values = (entry.key, copy, shard.split, media, texts)
            db.execute(f"INSERT INTO {side} VALUES (?, ?, ?, ?, ?)", row_values)  # noqa: S608 - a or b
            count += 1
    return count


def _changes(db: sqlite3.Connection) -> Iterator[Change]:
    query = """
        SELECT a.key, a.copy, a.split, b.split, a.media = b.media, a.texts = b.texts
        FROM a LEFT JOIN b USING (key, copy)
        WHERE b.key IS NULL OR a.media != b.media OR a.texts != b.texts OR a.split != b.split
        UNION ALL
        SELECT b.key, b.copy, NULL, b.split, 0, 0 FROM b LEFT JOIN a USING (key, copy) WHERE a.key IS NULL
        ORDER BY 1, 2"""
    for key, _, split_a, split_b, same_media, same_texts in db.execute(query):
        if split_a is None:
            yield Change(key, "added", f"in {split_b or 'the tars'}")
        elif split_b is None:
            yield Change(key, "removed", f"from {split_a or 'the tars'}")
        else:
            if not (same_media and same_texts):
                parts = [name for name, same in (("media", same_media), ("metadata", same_texts)) if not same]
                yield Change(key, " and ".join(parts), f"in {split_b or 'the tars'}")
            if split_a != split_b:
                yield Change(key, "split", f"from {split_a} to {split_b}")
