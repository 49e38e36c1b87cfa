"""All samples that are to be written, on disk: as many as there are, memory does not grow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shards.writing.assembly.samples import NewSample, members_from_json, members_to_json
from shards.writing.hashing import hash64
from shards.writing.shard_plan import member_bytes

_SCHEMA = """
CREATE TABLE samples (
    key TEXT PRIMARY KEY, split TEXT NOT NULL, hash BLOB NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT
    NULL,
    duration_s REAL NOT NULL, caption_chars INTEGER NOT NULL, members TEXT NOT NULL, origin TEXT NOT NULL,
    richness INTEGER NOT NULL
) WITHOUT ROWID;
"""
_COLUMNS = "key, split, duration_s, caption_chars, members, origin, richness"


@dataclass(frozen=True)
class KeyTaken:
    """Another sample has the key already. `same` if it is the same sample, byte by byte and in its split."""

    origin: str
    same: bool


class Catalog:
    """Samples by key. It is the caller's folder in which the file lies; nothing in it outlives `close`."""

    def __init__(self, path: Path, seed: int) -> None:
        path.unlink(missing_ok=True)
        self._seed = seed
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        # A catalog that was cut short is made anew, so nothing of it must survive a crash.
        self._db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")

    def add(self, sample: NewSample) -> KeyTaken | None:
        """Add a sample; says who has its key, if one does, and then leaves it out."""
        found = self._db.execute("SELECT origin, digest FROM samples WHERE key = ?", (sample.key,)).fetchone()
        if found is not None:
            return KeyTaken(found[0], found[1] == sample.digest)
        size = sum(member_bytes(member.size) for member in sample.members)
        self._db.execute(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sample.key,
                sample.split,
                hash64("shard", self._seed, sample.key).to_bytes(8, "big"),
                sample.digest,
                size,
                sample.duration_s,
                sample.caption_chars,
                members_to_json(sample.members),
                sample.origin,
                sample.richness,
            ),
        )
        return None

    def totals(self) -> dict[str, tuple[int, int]]:
        """Samples and bytes, by split."""
        rows = self._db.execute(
            "SELECT split, count(*), sum(bytes) FROM samples GROUP BY split ORDER BY split"
        )
        return {split: (count, size) for split, count, size in rows}

    def digests(self) -> Iterator[str]:
        """The digest of every sample, in the order of keys."""
        for (digest,) in self._db.execute("SELECT digest FROM samples ORDER BY key"):
            yield digest

    def shuffled(self, split: str) -> Iterator[NewSample]:
        """The samples of a split in the order of hash(key, seed)."""
        query = f"SELECT {_COLUMNS} FROM samples WHERE split = ? ORDER BY hash, key"  # noqa: S608 - constants
        for key, of_split, duration_s, chars, members, origin, richness in self._db.execute(query, (split,)):
            yield NewSample(key, of_split, duration_s, chars, members_from_json(members), origin, richness)

    def close(self) -> None:
        """Delete the file."""
        self._db.close()
        self._path.unlink(missing_ok=True)
