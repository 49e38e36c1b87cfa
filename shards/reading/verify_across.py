"""What must hold across shards. Everything met is on disk, so that memory does not grow with the dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from shards.reading.verify_sample import Fault
from shards.reading.verify_shard import Problem, SampleFacts

_SCHEMA = """
CREATE TABLE samples (
    number INTEGER PRIMARY KEY, shard INTEGER, split TEXT, key TEXT, video_id TEXT, media TEXT
);
CREATE TABLE shards (number INTEGER PRIMARY KEY, url TEXT);
"""


class AcrossShards:
    """Duplicate keys, media that stand under several keys, and leaks between splits."""

    def __init__(self) -> None:
        # A database without a name is a temporary file that is gone when it is closed, however that happens.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")

    def add(self, url: str, split: str, facts: Iterable[SampleFacts]) -> None:
        """Remember the samples of a shard."""
        shard = self._db.execute("INSERT INTO shards (url) VALUES (?)", (url,)).lastrowid
        rows = ((shard, split, each.key, each.video_id, each.media_sha256) for each in facts)
        self._db.executemany(
            "INSERT INTO samples (shard, split, key, video_id, media) VALUES (?,?,?,?,?)", rows
        )

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong across the shards that were added."""
        self._db.executescript(
            "CREATE INDEX of_key ON samples (key, number); CREATE INDEX of_media ON samples (media, number);"
            "CREATE INDEX of_video ON samples (video_id, split);"
        )
        yield from self._duplicate_keys()
        yield from self._duplicate_media()
        yield from self._leaks()

    def _duplicate_keys(self) -> Iterator[Problem]:
        query = """
            SELECT a.key, sa.url, (SELECT sb.url FROM samples b JOIN shards sb ON sb.number = b.shard
                                   WHERE b.key = a.key AND b.shard != a.shard ORDER BY b.number LIMIT 1)
            FROM samples a JOIN shards sa ON sa.number = a.shard
            WHERE EXISTS (SELECT 1 FROM samples b
                          WHERE b.key = a.key AND b.number < a.number AND b.shard != a.shard)
            ORDER BY a.number"""
        for key, url, other in self._db.execute(query):
            yield Problem(Fault.DUPLICATE_KEY, url, key, f"the key was met before, in {other}")

    def _duplicate_media(self) -> Iterator[Problem]:
        query = """
            SELECT a.key, url, (SELECT b.key FROM samples b WHERE b.media = a.media
                                ORDER BY b.number LIMIT 1) first
            FROM samples a JOIN shards s ON s.number = a.shard
            WHERE a.media IS NOT NULL AND first != a.key ORDER BY a.number"""
        for key, url, other in self._db.execute(query):
            yield Problem(Fault.DUPLICATE_MEDIA, url, key, f"its media are, byte by byte, those of {other}")

    def _leaks(self) -> Iterator[Problem]:
        for column, what in (("video_id", "source"), ("media", "content")):
            query = f"""
                SELECT {column}, group_concat(split, ', ') FROM
                (SELECT DISTINCT {column}, split FROM samples
                 WHERE {column} IS NOT NULL ORDER BY {column}, split)
                GROUP BY {column} HAVING count(*) > 1 ORDER BY {column}"""  # noqa: S608 - names from above
            for name, splits in self._db.execute(query):
                yield Problem(Fault.SPLIT_LEAK, "", None, f"{what} {name} is in the splits {splits}")

    def close(self) -> None:
        """Give the disk back."""
        self._db.close()
