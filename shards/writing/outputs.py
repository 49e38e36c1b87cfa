"""Where datasets can be written to."""

from __future__ import annotations

from shards.reading.errors import ShardError

READ_ONLY = ("http://", "https://")


def check_writable(url: str, advice: str = "Give a local folder, or one of s3:// or gs://") -> None:
    """Refuse stores that only give files.

    Raises:
        ShardError: it is one; the message ends with the advice.
    """
    if url.startswith(READ_ONLY):
        raise ShardError(f"{url}: a web server cannot be written to. {advice}")
