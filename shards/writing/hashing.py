"""Numbers that decide where things go: the same in any process, and independent of each other."""

from __future__ import annotations

import hashlib

from shards.format import canonical_json


def hash64(*parts: object) -> int:
    """A uniform 64-bit number of some plain JSON values."""
    return int.from_bytes(hashlib.sha256(canonical_json(parts).encode()).digest()[:8], "big")
