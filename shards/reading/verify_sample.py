"""Verification of one sample: its members against the index, its metadata, and its media."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shards.format import MEDIA_TYPES, METADATA_SCHEMA_VERSION, form_extension
from shards.reading.decode import decode_audio, frame_times
from shards.reading.described import Described
from shards.reading.errors import DecodeError, ShardError
from shards.reading.index import Entry
from shards.reading.tar import TarMember
from shards.reading.tar_samples import TarSample

TIME_TOLERANCE_S = 0.0005
SOUND = MEDIA_TYPES["audio"]
PICTURES = MEDIA_TYPES["video"] | MEDIA_TYPES["image"]


class Fault(StrEnum):
    """What is wrong. From `link` on they are those of `shards.reading.tar.Odd`."""

    MISSING_FILE = "missing_file"
    BAD_INDEX = "bad_index"
    WRONG_HASH = "wrong_hash"
    INDEX_MISMATCH = "index_mismatch"
    MEMBER_ORDER = "member_order"
    BAD_METADATA = "bad_metadata"
    NO_CAPTION = "no_caption"
    NO_MEDIA = "no_media"
    UNDECODABLE = "undecodable"
    DUPLICATE_MEDIA = "duplicate_media"
    SPLIT_LEAK = "split_leak"
    WORKER_DIED = "worker_died"
    LINK = "link"
    DEVICE = "device"
    SPARSE = "sparse"
    BAD_NAME = "bad_name"
    NOT_READ = "not_read"
    TOO_LARGE = "too_large"
    SPLIT_KEY = "split_key"
    DUPLICATE_KEY = "duplicate_key"
    DUPLICATE_MEMBER = "duplicate_member"
    HUGE_HEADER = "huge_header"
    BAD_HEADER = "bad_header"
    TRUNCATED = "truncated"
    NO_END = "no_end"
    AFTER_END = "after_end"


@dataclass(frozen=True)
class Metadata:
    """What verification needs of a `.json` member of ours, its types checked. Claims are by extension; None
    says that there is no such member."""

    video_id: str
    claims: Mapping[str, Mapping[str, Any] | None]
    fused_texts: Sequence[str]


Found = tuple[Fault, str]
"""A fault and a sentence about it."""


def parse_metadata(key: str, data: bytes | None) -> Metadata:
    """The metadata of a sample of ours.

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
            claims=_claims(found),
            fused_texts=[str(one["text"]) for one in found["fused"]],
        )
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        if isinstance(error, ShardError):
            raise
        raise ShardError(f"it cannot be read ({error!r:.300})") from error


def _claims(metadata: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    video, audio, image = metadata["video"], metadata["audio"], metadata.get("image")
    claims: dict[str, Mapping[str, Any] | None] = {"mp4": None, "flac": None}
    if video is not None:
        claims[str(video.get("extension", "mp4"))] = _video(video)
    if image is not None:
        claims[str(image["extension"])] = dict(image)
    if audio is not None:
        claims[str(audio.get("extension", "flac"))] = dict(audio)
    if not any(claims.values()):
        raise ShardError("it tells of neither video, image nor sound")
    forms = metadata.get("forms", ())
    return {**claims, **{form_extension(str(form["name"])): _video(form) for form in forms}}


def _video(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {**claims, "frame_times_s": [float(time_s) for time_s in claims["frame_times_s"]]}


def index_faults(sample: TarSample, entry: Entry) -> Iterator[Found]:
    """Whether the index tells the truth of a sample."""
    members = sample.members
    listed = [(member.extension, member.offset, member.size) for member in entry.members]
    if listed != [(member.extension, member.offset, member.size) for member in members]:
        yield Fault.INDEX_MISMATCH, "the index has other members, offsets or sizes"
        return
    for member, known in zip(members, entry.members, strict=True):
        if member.sha256 != known.sha256:
            yield Fault.WRONG_HASH, f"sha256 of .{member.extension} differs from the index"
    if sample.sha256 != entry.sha256:
        yield Fault.WRONG_HASH, "sha256 of the sample differs from the index"


def our_faults(members: Mapping[str, TarMember], metadata: Metadata, *, decode: bool) -> Iterator[Found]:
    """Whether the metadata of a sample of ours tell the truth of its members."""
    if not any(text.strip() for text in metadata.fused_texts):
        yield Fault.NO_CAPTION, "no fused caption has text"
    for extension in sorted(members.keys() - metadata.claims.keys() - {"json"}):
        yield Fault.BAD_METADATA, f"there is a .{extension}, but the metadata know of none"
    for extension, claimed in metadata.claims.items():
        member = members.get(extension)
        if (member is None) != (claimed is None):
            has, says = ("no", "one") if member is None else ("a", "none")
            yield Fault.BAD_METADATA, f"there is {has} .{extension}, but the metadata know of {says}"
        elif member is not None and claimed is not None:
            if member.sha256 != claimed.get("sha256"):
                yield Fault.WRONG_HASH, f"sha256 of .{extension} differs from the metadata"
            elif decode:
                yield from _decode_faults(member, claimed.get("frame_times_s"))


def foreign_faults(
    members: Mapping[str, TarMember], described: Described, *, decode: bool
) -> Iterator[Found]:
    """What is wrong with a sample that another tool made: there is no schema that it could break."""
    if described.problem:
        yield Fault.BAD_METADATA, described.problem
    if not described.caption:
        yield Fault.NO_CAPTION, "neither a .txt nor a field of the .json is a caption with text"
    media = [member for extension, member in members.items() if _kind(extension) in PICTURES | SOUND]
    if not media:
        yield Fault.NO_MEDIA, f"no video, image or sound among its members ({', '.join(sorted(members))})"
    if decode:
        for member in media:
            yield from _decode_faults(member, None)


def _decode_faults(member: TarMember, claimed: Sequence[float] | None) -> Iterator[Found]:
    kind = _kind(member.extension)
    if len(member.data) != member.size:
        yield Fault.TOO_LARGE, f".{member.extension} has {member.size} bytes; so many are not decoded"
        return
    try:
        if kind in SOUND:
            decode_audio(member.data, media=kind)
            return
        times = frame_times(member.data, media="jpg" if kind == "jpeg" else kind)
    except DecodeError as error:
        yield Fault.UNDECODABLE, f".{member.extension}: {error}"
        return
    if claimed is None:
        return
    if len(times) != len(claimed):
        yield Fault.UNDECODABLE, f"{len(times)} frames decode, the metadata list {len(claimed)}"
    elif any(
        abs((a - times[0]) - (b - claimed[0])) > TIME_TOLERANCE_S for a, b in zip(times, claimed, strict=True)
    ):
        yield Fault.BAD_METADATA, "frames are shown at other times than frame_times_s says"


def _kind(extension: str) -> str:
    return extension.rsplit(".", 1)[-1]
