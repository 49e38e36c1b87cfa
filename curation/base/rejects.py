"""A rejected record is data: it keeps a reason and is counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from curation.base.records import Record


class Reason(StrEnum):
    """Why a record went no further."""

    EMPTY_FILE = "empty_file"
    NOT_MEDIA = "not_media"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNREADABLE = "unreadable"
    NO_VIDEO = "no_video"
    FRAME_TOO_SMALL = "frame_too_small"
    FRAME_TOO_LARGE = "frame_too_large"
    TOO_MANY_STREAMS = "too_many_streams"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    ALL_BLACK = "all_black"
    STILL = "still"
    TOO_DYNAMIC = "too_dynamic"
    NOT_CHOSEN = "not_chosen"
    FILTERED = "filtered"
    DECODE_FAILED = "decode_failed"
    DECODE_LIMIT = "decode_limit"
    DECODE_TIMEOUT = "decode_timeout"
    ENCODE_FAILED = "encode_failed"
    NO_KEYFRAME = "no_keyframe"
    DUPLICATE_SOURCE = "duplicate_source"
    DUPLICATE_CLIP = "duplicate_clip"
    CAPTION_FAILED = "caption_failed"
    FUSION_FAILED = "fusion_failed"
    NO_CAPTION = "no_caption"
    WORKER_DIED = "worker_died"


@dataclass(frozen=True, kw_only=True)
class Rejected(Record):
    """A record that a stage turned down.

    `rejected_id` is what was turned down, `parent_id` the input of the stage that it stems from (the
    same id when the input itself was turned down). `detail` is a sentence for a person: what, where,
    the value, what to do.
    """

    TABLE: ClassVar[str] = "rejected"

    rejected_id: str
    parent_id: str
    stage: str
    reason: Reason
    detail: str

    @property
    def record_id(self) -> str:
        return self.rejected_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.parent_id,)
