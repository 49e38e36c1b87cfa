"""Settings of the cache of targets; apart from `target_cache.py` so that configs load without torch."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from curation.base.config import Config, operational

SCALE_GROUP = 64
"""Channels that share a scale: a few channels of a teacher are far larger than the others, which would vanish
beside them."""


class TargetCacheConfig(Config):
    """Keep what teachers say about each view on disk, so that they look at it once.

    Frames, crops and masks of an epoch then come again after `views` epochs.
    """

    folder: str = operational(
        description="Local folder, which may be shared by processes and runs; entries have the name of all "
        "that they depend on."
    )
    views: int = Field(
        4,
        description="Epochs after which frames, crops and masks repeat: the number of entries per view of a "
        "clip.",
        ge=1,
        le=10_000,
    )
    storage: Literal["bf16", "int8"] = Field(
        "bf16",
        description="How targets are rounded: bf16, or int8 with a scale per 64 channels, half as large.",
    )
    threads: int = operational(4, description="Threads that read and write entries.", ge=1, le=64)

    def bytes_of(self, shape: tuple[int, ...]) -> int:
        """What features of a shape take."""
        if self.storage == "bf16":
            return 2 * math.prod(shape)
        return math.prod(shape) + 4 * math.prod(shape) // scale_group(shape[-1])


def scale_group(width: int) -> int:
    """How many channels share a scale in int8, of so many."""
    return math.gcd(width, SCALE_GROUP)
