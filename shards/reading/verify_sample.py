"""Verification of one sample: its members against the index, its metadata, and its media."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shards.format import METADATA_SCHEMA_VERSION, form_extension
from shards.reading.decode import decode_audio, frame_times
from shards.reading.errors import DecodeError, ShardError
from shards.reading.index import Entry
from shards.reading.tar import TarMember

TIME_TOLERANCE_S = 0.0005


class Fault(StrEnum):
    """What is wrong."""

    MISSING_FILE = "missing_file"
    BAD_INDEX = "bad_index"
    BAD_TAR = "bad_tar"
    WRONG_HASH = "wrong_hash"
    INDEX_MISMATCH = "index_mismatch"
    MEMBER_ORDER = "member_order"
    DUPLICATE_KEY = "duplicate_key"
    BAD_METADATA = "bad_metadata"
    NO_CAPTION = "no_caption"
    UNDECODABLE = "undecodable"
    SPLIT_LEAK = "split_leak"


@dataclass(frozen=True)
class Metadata:
    """What verification needs of a `.json` member, its types checked."""

    video_id: str
    video: Mapping[str, Any]
    audio: Mapping[str, Any] | None
    forms: Mapping[str, Mapping[str, Any]]
    fused_texts: Sequence[str]


Found = tuple[Fault, str]
"""A fault and a sentence about it."""


def parse_metadata(key: str, data: bytes | None) -> Metadata:
    """The metadata of a sample.

    Raises:
        ShardError: there is none, or none that this version reads.
    """
    if data is None:
        raise ShardError("there is no .json")
    try:
        found = json.loads(data)
        if found["schema_version"] != METADATA_SCHEMA_VERSION:
            raise ShardError(f"schema_version is {found['schema_version']!r}, not {METADATA_SCHEMA_VERSION}")
        if found["key"] != key:
            raise ShardError(f"it is the metadata of {found['key']!r}")
        return Metadata(
            video_id=str(found["source"]["video_id"]),
            video=_video(found["video"]),
            audio=None if found["audio"] is None else dict(found["audio"]),
            forms={form_extension(str(form["name"])): _video(form) for form in found.get("forms", ())},
            fused_texts=[str(one["text"]) for one in found["fused"]],
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ShardError):
            raise
        raise ShardError(f"it cannot be read ({error!r})") from error


def _video(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {**claims, "frame_times_s": [float(time_s) for time_s in claims["frame_times_s"]]}


def index_faults(members: Sequence[TarMember], entry: Entry) -> Iterator[Found]:
    """Whether the index tells the truth of a sample."""
    key = members[0].key
    if entry.key != key:
        yield Fault.INDEX_MISMATCH, f"the index has {entry.key} in its place"
        return
    listed = [(member.extension, member.offset, member.size) for member in entry.members]
    if listed != [(member.extension, member.offset, len(member.data)) for member in members]:
        yield Fault.INDEX_MISMATCH, "the index has other members, offsets or sizes"
        return
    for member, known in zip(members, entry.members, strict=True):
        if hashlib.sha256(member.data).hexdigest() != known.sha256:
            yield Fault.WRONG_HASH, f"sha256 of .{member.extension} differs from the index"
    if hashlib.sha256(b"".join(member.data for member in members)).hexdigest() != entry.sha256:
        yield Fault.WRONG_HASH, "sha256 of the sample differs from the index"


def content_faults(members: Mapping[str, bytes], metadata: Metadata, *, decode: bool) -> Iterator[Found]:
    """Whether the metadata tell the truth of the media; `members` are bytes by extension."""
    if not any(text.strip() for text in metadata.fused_texts):
        yield Fault.NO_CAPTION, "no fused caption has text"
    claims = {"mp4": metadata.video, "flac": metadata.audio, **metadata.forms}
    for extension in sorted(members.keys() - claims.keys() - {"jpg", "json"}):
        yield Fault.BAD_METADATA, f"there is a .{extension}, but the metadata know of none"
    for extension, claimed in claims.items():
        data = members.get(extension)
        if (data is None) != (claimed is None):
            has, says = ("no", "one") if data is None else ("a", "none")
            yield Fault.BAD_METADATA, f"there is {has} .{extension}, but the metadata know of {says}"
        elif data is not None and claimed is not None:
            if hashlib.sha256(data).hexdigest() != claimed.get("sha256"):
                yield Fault.WRONG_HASH, f"sha256 of .{extension} differs from the metadata"
            elif decode:
                yield from _decode_faults(extension, data, claimed)


def _decode_faults(extension: str, data: bytes, claims: Mapping[str, Any]) -> Iterator[Found]:
    try:
        if extension == "flac":
            decode_audio(data)
            return
        times = frame_times(data)
    except DecodeError as error:
        yield Fault.UNDECODABLE, f".{extension}: {error}"
        return
    claimed = claims["frame_times_s"]
    if len(times) != len(claimed):
        yield Fault.UNDECODABLE, f"{len(times)} frames decode, the metadata list {len(claimed)}"
    elif any(
        abs((a - times[0]) - (b - claimed[0])) > TIME_TOLERANCE_S for a, b in zip(times, claimed, strict=True)
    ):
        yield Fault.BAD_METADATA, "frames are shown at other times than frame_times_s says"
