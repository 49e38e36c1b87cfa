"""Deterministic ids: what a thing is decides its name, never when or where it was made."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any

ID_HEX = 32
"""Hex digits of an id: 128 bits, so that 10^9 clips collide with probability below 10^-20."""


def hash_id(*parts: Any) -> str:
    """Id of a tuple of plain JSON values (128 bits of sha256, hex)."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_HEX]


def content_id(sha256_hex: str) -> str:
    """Id of a file from the sha256 of its bytes."""
    return sha256_hex[:ID_HEX]


def clip_id(video_id: str, stream: int, start_pts: int, end_pts: int, time_base: str) -> str:
    """Id of a clip: the place in the source, so that a re-encode keeps it.

    `start_pts` is the pts of the first frame, `end_pts` the first pts after the clip, both in units
    of `time_base` ("num/den" seconds) of the source's stream.
    """
    return hash_id("clip", video_id, stream, start_pts, end_pts, time_base)


def attempt_id() -> str:
    """A unique id of one try at a unit that sorts by time, so that table files prune by it."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
