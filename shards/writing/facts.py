"""What selection learns of all clips before it can place any of them: a few bytes per clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.base.ids import ID_HEX, hash_id
from curation.base.media_store import MediaRef
from shards.format import form_extension
from shards.records import SampleMember
from shards.writing.candidates import Candidates
from shards.writing.metadata import Row
from shards.writing.shard_plan import member_bytes

SHA256_HEX = 64


@dataclass(frozen=True)
class Facts:
    """By number of the clip: id and facts digest of the sample that it makes now (empty where it makes
    none), its size in a tar, whether it has sound, and how rich its metadata are."""

    sample_id: NDArray[np.bytes_]
    facts_digest: NDArray[np.bytes_]
    size_bytes: NDArray[np.int64]
    has_sound: NDArray[np.bool_]
    richness: NDArray[np.int64]

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which clips make a sample."""
        return np.not_equal(self.sample_id, b"")


def learn(candidates: Candidates, duplicates: Iterable[str]) -> Facts:
    """Go over all clips once; `duplicates` are the ids of clips that are left out."""
    left_out = set(duplicates)
    facts = Facts(
        sample_id=np.zeros(len(candidates), f"S{ID_HEX}"),
        facts_digest=np.zeros(len(candidates), f"S{SHA256_HEX}"),
        size_bytes=np.zeros(len(candidates), np.int64),
        has_sound=np.zeros(len(candidates), np.bool_),
        richness=np.zeros(len(candidates), np.int64),
    )
    for candidate in candidates:
        if not candidate.fused or candidate.clip["clip_id"] in left_out:
            continue
        metadata = candidate.metadata()
        media = media_members(candidate.clip)
        sizes = [len(metadata.text.encode()), *(member.media.size_bytes for member in media)]
        # The metadata names the hashes of the media, so this is an id of every byte of the sample.
        facts.sample_id[candidate.number] = hash_id("sample", metadata.text)
        facts.facts_digest[candidate.number] = metadata.facts_digest
        facts.size_bytes[candidate.number] = sum(map(member_bytes, sizes))
        facts.has_sound[candidate.number] = candidate.clip["audio"] is not None
        facts.richness[candidate.number] = metadata.richness
    return facts


def media_members(clip: Row) -> tuple[SampleMember, ...]:
    """The media files of a clip's sample."""
    found = [SampleMember(extension="mp4", media=MediaRef.from_dict(clip["video"]))]
    if clip["audio"]:
        found.append(SampleMember(extension="flac", media=MediaRef.from_dict(clip["audio"])))
    for form in clip["other_forms"]:
        media = MediaRef.from_dict(form["media"])
        found.append(SampleMember(extension=form_extension(form["name"]), media=media))
    return tuple(sorted(found, key=lambda member: member.extension))
