"""Some of the clips that the filters turned down, each with what they measured."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from curation.records import CutClip, Score, SourceVideo
from pipelines.report.choice import choose_clips
from pipelines.report.data import TurnedDown
from pipelines.report.filters import score_views
from pipelines.report.run_records import RunRecords
from pipelines.report.thumbnails import ReadMedia, thumbnails
from pipelines.report.wording import shown

MAX_CLIPS = 12
MAX_NAME = 200


def turned_down(ids: pa.Array, records: RunRecords, read_media: ReadMedia) -> tuple[TurnedDown, ...]:
    """A bounded choice of clips by id, spread over the sources, in order of source and time."""
    chosen = choose_clips(_sources_of(ids, records), MAX_CLIPS)
    clips = records.where(CutClip, "clip_id", chosen)
    videos = sorted({clip.video_id for clip in clips})
    uris = {video.video_id: video.uri for video in records.where(SourceVideo, "video_id", videos)}
    scores = defaultdict(list)
    for score in records.where(Score, "clip_id", chosen):
        scores[score.clip_id].append(score)
    ordered = sorted(clips, key=lambda clip: (uris.get(clip.video_id, ""), clip.start_s, clip.clip_id))
    return tuple(
        TurnedDown(
            clip_id=clip.clip_id,
            source=shown(uris.get(clip.video_id, clip.video_id).rstrip("/").rsplit("/", 1)[-1], MAX_NAME),
            start_s=clip.start_s,
            end_s=clip.end_s,
            thumbnail=next(thumbnails(clip, read_media, most=1), None),
            scores=score_views(scores[clip.clip_id]),
        )
        for clip in ordered
    )


def _sources_of(ids: pa.Array, records: RunRecords) -> pa.Table:
    """`clip_id` and `video_id` of cut clips."""
    schema = pa.schema([("clip_id", pa.string()), ("video_id", pa.string())])
    found = [schema.empty_table()]
    if len(ids):
        for batch in records.batches(CutClip, schema.names):
            table = pa.Table.from_batches([batch]).cast(schema)
            found.append(table.filter(pc.is_in(table.column("clip_id"), value_set=ids)))
    return pa.concat_tables(found).combine_chunks()
