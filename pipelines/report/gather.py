"""From the records of a run to what its report shows."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from captioning.records import Modality, Wording
from curation.records import CutClip, PlannedClip, Shot
from pipelines.report.choice import choose_clips
from pipelines.report.clip_views import ALIKE, clip_views
from pipelines.report.counting import (
    CaptionCounts,
    FusionCounts,
    Values,
    clip_table,
    clips_per_source,
    count_captions,
    count_duplicates,
    count_fused,
    count_packed,
    count_rows,
    count_sources,
    is_embedded,
    motion_levels,
)
from pipelines.report.data import Bars, Captioner, Histogram, ReportData, RunFacts, Totals, Training
from pipelines.report.distributions import histogram
from pipelines.report.filters import count_scores, filter_charts
from pipelines.report.funnel import funnel
from pipelines.report.rejects import reject_groups
from pipelines.report.run_records import RunRecords
from pipelines.report.telling import SHORT
from pipelines.report.thumbnails import ReadMedia
from pipelines.report.turned_down import turned_down

MAX_CLIPS = 60


def gather(
    facts: RunFacts,
    records: RunRecords,
    read_media: ReadMedia,
    *,
    training: Training | None = None,
    max_clips: int = MAX_CLIPS,
) -> ReportData:
    """Count everything, choose clips, and look at those in full.

    Args:
        facts: what is known of the run besides its records.
        records: the run's records that count.
        read_media: bytes of a media reference; frames whose reading fails are left out.
        training: how the training went, if there was one.
        max_clips: how many clips the page shows at most.
    """
    clips = clip_table(records)
    videos, video_s = count_sources(records)
    captions, fused, packed = count_captions(records), count_fused(records), count_packed(records)
    groups, duplicates, scores = reject_groups(records), count_duplicates(records), count_scores(records)
    durations = clips.column("duration_s").to_numpy()
    totals = Totals(
        files=facts.files,
        videos=videos,
        video_s=video_s,
        shots=count_rows(records, Shot, "shot_id"),
        planned=count_rows(records, PlannedClip, "clip_id"),
        cut=count_rows(records, CutClip, "clip_id"),
        clips=len(clips),
        clip_s=math.fsum(durations),
        captioned=captions.captioned,
        fused=fused.clips,
        claims=int(np.sum(fused.claims)),
        uncited_claims=fused.uncited_claims,
        dropped_claims=fused.dropped_claims,
        duplicates=duplicates.total(),
        samples=packed.samples,
        sample_s=packed.seconds,
        shards=packed.shards,
        shard_bytes=packed.size_bytes,
        rejected=sum(group.count for group in groups),
        dataset=packed.dataset,
    )
    return ReportData(
        facts=facts,
        totals=totals,
        funnel=funnel(totals, groups, records.outputs()),
        rejects=groups,
        turned_down=turned_down(scores.turned_down, records, read_media),
        num_turned_down=len(scores.turned_down),
        filters=tuple(filter_charts(facts.filters, scores)),
        histograms=_histograms(durations, clips_per_source(clips, videos), fused),
        bars=_bars(captions, fused, duplicates, len(clips)),
        captioners=_captioners(captions, fused),
        training=training,
        clips=clip_views(choose_clips(clips, max_clips), records, read_media),
    )


def _histograms(durations: Values, per_source: Values, fused: FusionCounts) -> tuple[Histogram, ...]:
    found = (
        histogram("Clip duration", "seconds", "clips", durations),
        histogram("Fused caption length", "words", "fused captions", fused.words, whole=True),
        histogram("Claims per fused caption", "claims", "fused captions", fused.claims, whole=True),
        histogram("Clips per source", "clips", "videos", per_source, whole=True),
    )
    return tuple(each for each in found if each is not None)


def _bars(
    captions: CaptionCounts, fused: FusionCounts, duplicates: Counter[str], num_clips: int
) -> tuple[Bars, ...]:
    said = tuple((modality.value, captions.said[modality]) for modality in Modality)
    motion = tuple((name, captions.motion[name]) for name in motion_levels().values())
    bars = [
        Bars(
            title="Captions that say something",
            note="clips with a text, by modality",
            counts=said,
            whole=num_clips,
        )
    ]
    if set(fused.wordings) - {Wording.JOINED}:
        how = tuple((SHORT[wording], fused.wordings[wording]) for wording in Wording)
        note = "what became of the drafts that a model wrote"
        bars.append(
            Bars(
                title="How fused captions came to be",
                note=note,
                counts=how,
                whole=fused.wordings.total(),
                unit="fused captions",
            )
        )
    if any(count for _, count in motion):
        note = "share of the picture that moves within 0.1 s"
        bars.append(Bars(title="Motion in the picture", note=note, counts=motion, whole=num_clips))
    if duplicates:
        kinds = tuple((said, duplicates[kind]) for kind, said in ALIKE.items() if duplicates[kind])
        note = "clips for which another one stands"
        bars.append(Bars(title="Duplicates", note=note, counts=kinds, whole=num_clips))
    return tuple(bars)


def _captioners(captions: CaptionCounts, fused: FusionCounts) -> tuple[Captioner, ...]:
    roles = [*Modality, "fusion"]
    found = captions.models + fused.models
    return tuple(
        Captioner(
            role=role,
            model=model,
            revision=revision,
            texts=found[role, model, revision],
            embedded=is_embedded(model),
        )
        for role, model, revision in sorted(found, key=lambda key: (roles.index(key[0]), *key[1:]))
    )
