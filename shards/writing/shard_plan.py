"""The layout of a shard, worked out from its samples before a byte of media is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from tarfile import BLOCKSIZE

from curation.base.media_store import MediaRef
from shards.records import Sample

END_OF_ARCHIVE = bytes(2 * BLOCKSIZE)


@dataclass(frozen=True)
class PlannedMember:
    """A member whose header lies at `start` of the tar, right before its own `size` bytes. The bytes
    are the metadata's, at hand, or lie in the run's media."""

    name: str
    extension: str
    start: int
    size: int
    sha256: str
    content: bytes | MediaRef

    @property
    def offset(self) -> int:
        """Where its own bytes lie in the tar."""
        return self.start + BLOCKSIZE

    @property
    def end(self) -> int:
        """Where the next member starts."""
        return self.start + member_bytes(self.size)


@dataclass(frozen=True)
class PlannedSample:
    """A sample and its members, adjacent and sorted."""

    sample: Sample
    members: tuple[PlannedMember, ...]


def plan_shard(samples: Iterable[Sample]) -> list[PlannedSample]:
    """The samples of a shard in the order of its tar, each byte's place known."""
    planned = []
    start = 0
    for sample in sorted(samples, key=lambda sample: sample.position):
        members = []
        for extension, content in sorted(_contents(sample).items()):
            member = _member(f"{sample.clip_id}.{extension}", extension, start, content)
            members.append(member)
            start = member.end
        planned.append(PlannedSample(sample, tuple(members)))
    return planned


def member_bytes(size: int) -> int:
    """What a member of `size` bytes takes up in a tar: a header, and its bytes filled up to a block."""
    return BLOCKSIZE + size + -size % BLOCKSIZE


def _contents(sample: Sample) -> dict[str, bytes | MediaRef]:
    return {
        "json": sample.metadata.encode(),
        **{member.extension: member.media for member in sample.members},
    }


def _member(name: str, extension: str, start: int, content: bytes | MediaRef) -> PlannedMember:
    if isinstance(content, MediaRef):
        return PlannedMember(name, extension, start, content.size_bytes, content.sha256, content)
    digest = hashlib.sha256(content).hexdigest()
    return PlannedMember(name, extension, start, len(content), digest, content)
