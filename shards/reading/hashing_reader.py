"""A stream whose hash and size are known once it was read to its end."""

from __future__ import annotations

import hashlib

from shards.reading.tar import Readable

BLOCK_BYTES = 1 << 20


class HashingReader:
    """Hashes what is read through it."""

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._raw.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(BLOCK_BYTES):
            pass

    @property
    def sha256(self) -> str:
        """sha256 (hex) of what was read."""
        return self._hash.hexdigest()
