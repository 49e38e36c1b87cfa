"""What an embedding of a clip is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from curation.base.records import Record


@dataclass(frozen=True, kw_only=True)
class ClipEmbedding(Record):
    """A clip as a unit vector: little-endian float16 values, so that a table of 10^6 clips stays small."""

    TABLE: ClassVar[str] = "embeddings"

    clip_id: str
    vector: bytes

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)
