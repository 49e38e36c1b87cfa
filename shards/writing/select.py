"""Selection: which clips become samples, in which split, generation and shard.

A generation is a set of samples that is packed once and never rewritten. A generation of the last
selection stays as long as each of its samples is still exactly what it would be now; the samples of
those that do not stay, and all new ones, make one new generation. So new clips never touch old
shards, and going back to an earlier configuration finds the earlier names again.

Splits go by cluster: sources that share duplicate clips are one, and never in two splits. A cluster
with samples in generations that stay keeps their split, so that a source which later proves to have a
duplicate does not move what was already written; only where two such clusters turn out to be one must
one of them move.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from captioning.records import Caption, CaptionGate, FusedCaption
from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Reduce, Snapshot
from curation.base.workspace import Workspace
from curation.records import Clip, DuplicateOf, SourceVideo
from shards.format import SPLIT_NAME
from shards.records import Sample
from shards.writing.candidates import Candidate, Candidates
from shards.writing.clusters import Clusters
from shards.writing.facts import Facts, learn, media_members
from shards.writing.gated import BestConfig, Verdict, failing, not_chosen
from shards.writing.generations import PreviousGenerations, generation_name
from shards.writing.originals import originals_of
from shards.writing.placement import Places, positions, shard_numbers


class SelectConfig(Config):
    """How clips are divided into splits and shards."""

    splits: dict[str, float] = Field(
        default={"train": 1.0},
        description="Fraction of the sources per split; they add up to 1.",
        min_length=1,
    )
    seed: int = Field(0, description="Seed of the division into splits and shards.", ge=0)
    samples_per_shard: int = Field(512, description="Samples per shard, at most.", ge=1, le=1_000_000)
    shard_bytes: int = Field(256 << 20, description="Target size of a shard, in bytes.", ge=1 << 10)
    best: BestConfig | None = Field(
        None, description="Only so many clips, the best by a score; default: all."
    )

    @field_validator("splits")
    @classmethod
    def _adds_up(cls, splits: dict[str, float]) -> dict[str, float]:
        odd = [name for name in splits if not SPLIT_NAME.fullmatch(name)]
        if odd:
            raise ValueError(f"'{odd[0]}' is no split name: use lower-case letters, digits, - and _")
        if any(not 0.0 <= fraction <= 1.0 for fraction in splits.values()):
            raise ValueError(f"fractions must lie in 0..1, got {splits}")
        if abs(sum(splits.values()) - 1.0) > 1e-6:
            raise ValueError(f"fractions add up to {sum(splits.values()):g}, they must add up to 1")
        return splits


class Select(Reduce[Sample]):
    """Makes a Sample of each captioned clip that is no duplicate, and says where it lies."""

    name: ClassVar[str] = "select"
    version: ClassVar[str] = "4"
    inputs: ClassVar[dict[str, type[Record]]] = {
        "clips": Clip,
        "captions_video": Caption,
        "captions_audio": Caption,
        "captions_speech": Caption,
        "fused": FusedCaption,
        "gates": CaptionGate,
        "duplicates": DuplicateOf,
        "sources": SourceVideo,
    }
    output: ClassVar[type[Record]] = Sample
    accounts_for: ClassVar[str | None] = "clips"

    config: SelectConfig

    def __init__(self, config: SelectConfig, workspace: Workspace) -> None:
        self.config = config

    def __call__(self, snapshot: Snapshot) -> Iterator[Sample | Rejected]:
        """Select from everything that is there: a pass to learn what each clip would be, a decision on
        all of them, and a pass to put them out, so that their texts are never all in memory."""
        candidates = Candidates(snapshot)
        duplicates = snapshot.table("duplicates")
        before = snapshot.previous()
        gates = snapshot.table("gates")
        turned = failing(gates)
        originals = originals_of(duplicates, before, turned)
        if self.config.best is not None:
            turned |= not_chosen(gates, self.config.best, {*originals, *turned})
        facts = learn(candidates, {*originals, *turned})
        packing = self.config.semantic()
        previous = PreviousGenerations(before, candidates.clip_ids, facts, packing)
        clusters = Clusters(candidates.clip_ids, candidates.video_ids, duplicates)
        places = self._place(candidates, facts, clusters, previous)
        for candidate in candidates:
            number = candidate.number
            if not facts.wanted[number]:
                clip_id = candidate.clip["clip_id"]
                yield self._reject(candidate, originals.get(clip_id), turned.get(clip_id))
            elif places.kept_row[number] >= 0:
                row = previous.row(places.kept_row[number])
                members = [member.to_dict() for member in media_members(candidate.clip)]
                yield Sample.from_dict({**row, "members": members})
            else:
                yield _new_sample(candidate, facts, places)

    def _place(
        self, candidates: Candidates, facts: Facts, clusters: Clusters, previous: PreviousGenerations
    ) -> Places:
        config = self.config
        splits = clusters.splits(config.splits, config.seed, previous.settled(clusters.of_clip))
        split = np.asarray([splits[cluster] for cluster in clusters.of_clip.tolist()], dtype=np.bytes_)
        kept_row = previous.kept_rows(split)
        new = facts.wanted & (kept_row < 0)
        shard = np.full(len(candidates), -1, np.int64)
        position = np.full(len(candidates), -1, np.int64)
        for name in np.unique(split[new]):
            chosen = np.flatnonzero(new & (split == name))
            shard[chosen] = shard_numbers(
                candidates.clip_ids.take(pa.array(chosen)).to_pylist(),
                facts.size_bytes[chosen],
                seed=config.seed,
                max_samples=config.samples_per_shard,
                max_bytes=config.shard_bytes,
            )
            position[chosen] = positions(shard[chosen], facts.has_sound[chosen], facts.richness[chosen])
        generation = generation_name(facts.sample_id[new], split[new], config.semantic())
        return Places(generation, kept_row, split, shard, position)

    def _reject(self, candidate: Candidate, original: str | None, turned: Verdict | None) -> Rejected:
        clip = candidate.clip["clip_id"]
        if original is not None:
            reason = Reason.DUPLICATE_CLIP
            detail = f"clip {clip} of video {candidate.clip['video_id']} has the content of clip {original}"
        elif turned is not None:
            reason = turned[0]
            detail = f"clip {clip} of video {candidate.clip['video_id']}: {turned[1]}"
        else:
            reason = Reason.NO_CAPTION
            detail = (
                f"clip {clip} of video {candidate.clip['video_id']} has no fused caption with text; "
                f"see the rejects of the captioning stages"
            )
        return Rejected(rejected_id=clip, parent_id=clip, stage=self.name, reason=reason, detail=detail)


def _new_sample(candidate: Candidate, facts: Facts, places: Places) -> Sample:
    number, clip, metadata = candidate.number, candidate.clip, candidate.metadata()
    split = places.split[number].decode()
    return Sample(
        sample_id=facts.sample_id[number].decode(),
        clip_id=clip["clip_id"],
        facts_digest=metadata.facts_digest,
        generation=places.generation,
        split=split,
        shard_id=f"{places.generation}/{split}/{places.shard[number]:06d}",
        position=int(places.position[number]),
        duration_s=clip["duration_s"],
        caption_chars=metadata.caption_chars,
        members=media_members(clip),
        metadata=metadata.text,
    )
