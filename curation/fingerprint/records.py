"""What a fingerprint of a clip is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from curation.base.records import Record


@dataclass(frozen=True, kw_only=True)
class Fingerprint(Record):
    """A clip as 64-bit perceptual hashes of frames, evenly in time.

    The bits are those of a signed 64-bit integer, which is what tables hold. A frame without structure
    (black, one colour) has the hash 0, which no other frame has; a clip most of whose frames are so is
    `flat`, and like no other.
    """

    TABLE: ClassVar[str] = "fingerprints"

    clip_id: str
    hashes: tuple[int, ...]
    duration_s: float
    flat: bool

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)
