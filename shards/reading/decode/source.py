"""What every decoder of video offers; the rest of the package knows no more of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from shards.reading.decode.timeline import Timeline


class VideoSource(Protocol):
    """An open clip. `timeline` says when its frames are shown."""

    timeline: Timeline

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Each of some frames once, as its number in the order shown and an `av.VideoFrame`, in any order.
        `numbers` are ascending.

        Raises:
            DecodeError: a frame does not decode.
        """
