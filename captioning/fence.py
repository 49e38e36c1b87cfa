"""Data in a prompt, between marks that it cannot hold itself."""

from __future__ import annotations

import hashlib

_MARK_HEX = 16


def fenced(data: str) -> str:
    """Lines of data, whatever they say, between two marks with a hash of them: who writes a line cannot know
    the hash of what it will stand in, so no line can end the fence."""
    mark = hashlib.sha256(data.encode()).hexdigest()[:_MARK_HEX]
    return f"===== data {mark} =====\n{data}\n===== end of data {mark} ====="
