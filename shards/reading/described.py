"""What the texts of a sample say of it, whoever wrote them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shards.format import MEDIA_TYPES

CAPTION_FIELDS = ("caption", "text", "prompt", "description", "title", "name")
"""Fields of others' .json files that hold a caption, the likeliest first."""
DURATION_FIELDS = ("duration_s", "duration", "length", "duration_seconds")
SOURCE_FIELDS = ("video_id", "videoid", "source_id", "youtube_id", "YoutubeID", "url", "URL")
PRIMARY = ("video", "image", "audio")
"""Kinds of media by which a sample is known, the first that it has."""


@dataclass(frozen=True)
class Described:
    """A sample's texts. `ours` says that the .json has our schema; `source_id` is None where nobody tells;
    `problem` is why the .json cannot be read, None if it can or there is none."""

    metadata: Mapping[str, Any]
    ours: bool
    caption: str
    duration_s: float | None
    source_id: str | None
    problem: str | None = None


def describe(members: Mapping[str, bytes]) -> Described:
    """What is known of a sample by its members, of which only .json and .txt are looked at."""
    metadata, problem = _metadata(members.get("json"))
    ours = "schema_version" in metadata
    caption = _our_caption(metadata) if ours else _first_text(metadata, CAPTION_FIELDS)
    if not caption and "txt" in members:
        caption = members["txt"].decode(errors="replace").strip()
    return Described(
        metadata=metadata,
        ours=ours,
        caption=caption,
        duration_s=_duration(metadata, ours),
        source_id=_source(metadata, ours),
        problem=problem,
    )


def primary_member(extensions: Sequence[str]) -> str | None:
    """The member by which a sample is known: its video, else its image, else its sound."""
    for kind in PRIMARY:
        for extension in sorted(extensions):
            if extension in MEDIA_TYPES[kind]:
                return extension
    return None


def _metadata(data: bytes | None) -> tuple[dict[str, Any], str | None]:
    if data is None:
        return {}, None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        return {}, f"the .json cannot be read ({error!r:.200})"
    return (found, None) if isinstance(found, dict) else ({}, "the .json is no object")


def _our_caption(metadata: Mapping[str, Any]) -> str:
    fused = metadata.get("fused")
    first = fused[0] if isinstance(fused, list) and fused else None
    return str(first.get("text", "")).strip() if isinstance(first, dict) else ""


def _first_text(metadata: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = metadata.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _duration(metadata: Mapping[str, Any], ours: bool) -> float | None:
    video = metadata.get("video")
    fields = video if ours and isinstance(video, dict) else metadata
    for name in DURATION_FIELDS:
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
            return float(value)
    return None


def _source(metadata: Mapping[str, Any], ours: bool) -> str | None:
    source = metadata.get("source")
    fields = source if ours and isinstance(source, dict) else metadata
    for name in SOURCE_FIELDS:
        value = fields.get(name)
        if isinstance(value, str | int) and str(value):
            return str(value)
    return None
