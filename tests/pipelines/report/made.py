"""A made-up run whose every number is known: records of all steps, with frames that decode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from captioning.records import (
    Caption,
    CaptionGate,
    Claim,
    FusedCaption,
    Transcript,
)
from curation.base.ids import hash_id
from curation.base.media_store import MediaRef
from curation.base.records import Record, to_arrow
from curation.base.rejects import Reason, Rejected
from curation.records import Clip, CutClip, DuplicateOf, Frame, PlannedClip, Score, Shot, SourceVideo
from pipelines.report.data import FilterLimits, ReportData, RunFacts, Training
from pipelines.report.gather import gather
from pipelines.report.run_records import projection
from shards.records import DatasetManifest, Sample, SampleMember, ShardFile
from tests.pipelines.report.records import (
    admitted,
    captions_of,
    cut_clip,
    fused,
    gate_of,
    jpeg,
    picture,
    planned,
    provenance,
    quoted,
    reject,
    scores_of,
    sha256,
    shard_file,
    shot,
    source,
)

OUTPUTS: Mapping[str, type[Record]] = {
    "probe": SourceVideo,
    "detect": Shot,
    "stitch": PlannedClip,
    "cut": CutClip,
    "filter_motion": Score,
    "filter_blur": Score,
    "admit": Clip,
    "caption_video": Caption,
    "caption_audio": Caption,
    "transcribe": Transcript,
    "caption_speech": Caption,
    "fuse": FusedCaption,
    "gate": CaptionGate,
    "dedup": DuplicateOf,
    "select": Sample,
    "pack": ShardFile,
    "manifest": DatasetManifest,
}


@dataclass
class Run:
    """Records by class, their media by path, and the facts beside them."""

    records: dict[type[Record], list[Any]] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)
    files: int = 0

    def outputs(self) -> Mapping[str, type[Record]]:
        return OUTPUTS

    def batches(self, cls: type[Record], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        table = to_arrow(cls, self.records.get(cls, []))
        yield from ds.dataset(table).to_batches(columns=projection(columns), batch_size=7)

    def where(self, cls: type[Record], column: str, values: Sequence[str]) -> list[Any]:
        found = [record for record in self.records.get(cls, []) if getattr(record, column) in values]
        return sorted(found, key=lambda record: record.record_id)

    def read_media(self, ref: MediaRef) -> bytes:
        return self.media[ref.path]

    @property
    def facts(self) -> RunFacts:
        seconds = (("probe", 2.1), ("detect", 14.3), ("cut", 31.8), ("caption_video", 22.4), ("fuse", 0.3))
        return RunFacts(
            run_id="20261121-101502-a1b2c3",
            config_name="quickstart.yaml",
            started_s=1795256102.0,
            finished_s=1795256177.0,
            version="0.1.0",
            files=self.files,
            stage_seconds=seconds,
            filters=(
                FilterLimits(name="motion", min=None, max=None),
                FilterLimits(name="blur", min=None, max=8.0),
            ),
        )

    def add(self, *records: Record) -> None:
        for record in records:
            self.records.setdefault(type(record), []).append(record)


TRAINING = Training(
    losses=tuple((i, round(1.1 * 0.985**i + 0.35 + 0.05 * ((i * 7919) % 13) / 13, 4)) for i in range(120)),
    samples_per_s=11.83,
)


def made_up_run(num_videos: int = 4, clips_per_video: int = 5, pictures: Sequence[np.ndarray] = ()) -> Run:
    """Videos with clips; of each video the last clip is a duplicate and the one before it has no sound. Every
    fifth clip is not fused; the others with sound have two fused captions. Three files are rejected, and of
    each video a shot that is too short and a blurred clip."""
    run = Run(files=num_videos + 3)
    for v in range(num_videos):
        video = source(v)
        run.add(video)
        for c in range(clips_per_video):
            _add_clip(run, video, v, c, clips_per_video, pictures)
        _add_turned_down(run, video, v)
    run.add(
        reject(
            "bad1",
            "probe",
            Reason.NOT_MEDIA,
            "/data/raw/notes.txt: starts with 4865 6c6c, which is no media format. Remove it.",
        ),
        reject("bad2", "probe", Reason.EMPTY_FILE, "/data/raw/zero.webm: 0 bytes. Download it again."),
        reject(
            "bad3",
            "probe",
            Reason.NOT_MEDIA,
            "/data/raw/page.html: starts with <!DO, which is no media format. Remove it.",
        ),
    )
    samples = run.records[Sample]
    for shard in sorted({sample.shard_id for sample in samples}):
        held = [sample for sample in samples if sample.shard_id == shard]
        run.add(shard_file(shard, held))
    run.add(
        DatasetManifest(
            version="9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            path="manifest.json",
            num_samples=len(samples),
            num_shards=len(run.records[ShardFile]),
            shard_ids=tuple(each.shard_id for each in run.records[ShardFile]),
        )
    )
    return run


def with_text(run: Run, text: str) -> Run:
    """The run with a text put wherever foreign text can come from."""
    changed = replace(run, records=dict(run.records))
    changed.records[SourceVideo] = [
        replace(each, title=text, licence=text, uri=f"/data/{text}") for each in run.records[SourceVideo]
    ]
    changed.records[Caption] = [
        replace(
            each,
            segments=tuple(replace(s, text=text) for s in each.segments),
            uncertain=tuple(replace(doubt, detail=text) for doubt in each.uncertain),
            translation=each.translation
            and replace(
                each.translation,
                language=text,
                segments=tuple(replace(s, text=text) for s in each.translation.segments),
                provenance=provenance(text),
            ),
            provenance=provenance(text),
        )
        for each in run.records[Caption]
    ]
    changed.records[FusedCaption] = [
        replace(
            each,
            text=text,
            sources=tuple(replace(line, text=text) for line in each.sources),
            claims=(Claim(start_char=0, end_char=len(text), lines=("V1", text), support=()),),
            omitted=("V2", text),
            dropped=tuple(
                replace(claim, text=text, lines=("V1", text), problems=(text,)) for claim in each.dropped
            ),
            provenance=provenance(text),
        )
        for each in run.records[FusedCaption]
    ]
    changed.records[CaptionGate] = [
        replace(
            gate,
            scores=tuple(replace(score, filter=text) for score in gate.scores),
            failed=tuple(text for _ in gate.failed),
        )
        for gate in run.records[CaptionGate]
    ]
    changed.records[Rejected] = [
        replace(each, detail=text, rejected_id=each.rejected_id if each.stage == "fuse" else text)
        for each in run.records[Rejected]
    ]
    changed.records[Sample] = [replace(each, shard_id=text) for each in run.records[Sample]]
    return changed


def _add_clip(
    run: Run, video: SourceVideo, v: int, c: int, count: int, pictures: Sequence[np.ndarray]
) -> None:
    clip_id = hash_id("clip", v, c)
    start_s, duration_s = 7.25 * c, 3.0 + 0.5 * ((3 * v + c) % 7)
    of_clip = shot(hash_id("shot", v, c), video, start_s, duration_s)
    plan = planned(clip_id, of_clip)
    shown = [
        pictures[(8 * (v * count + c) + f) % len(pictures)] if pictures else picture(v, c, f)
        for f in range(8)
    ]
    cut = cut_clip(plan, list(_frames(run, plan, shown)))
    scores = scores_of(cut, blur=1.5 + 0.4 * c, motion=0.05 * v)
    clip = admitted(cut, scores)
    run.add(of_clip, plan, cut, *scores)
    silent = c == count - 2
    captions = captions_of(clip, silent)
    run.add(clip, *captions)
    if (v * count + c) % 5 == 1:
        run.add(reject(clip_id, "fuse", Reason.FUSION_FAILED, f"clip {clip_id}: no template fits 11 lines."))
        return
    fullest = fused(clip_id, captions, silent)
    run.add(fullest, gate_of(clip_id, silent))
    if not silent:
        run.add(quoted(fullest))
    if c == count - 1:
        run.add(
            DuplicateOf(clip_id=clip_id, duplicate_of=hash_id("clip", v, 0), kind="near" if v else "exact")
        )
        return
    split = "val" if v % 4 == 3 else "train"
    member = SampleMember(extension="mp4", media=clip.video)
    place = len(run.records.get(Sample, []))
    run.add(
        Sample(
            sample_id=hash_id("sample", clip_id),
            clip_id=clip_id,
            generation="g0",
            split=split,
            shard_id=f"g0/{split}/000000",
            position=place,
            duration_s=duration_s,
            caption_chars=200,
            members=(member,),
            metadata="{}",
            facts_digest="0" * 64,
        )
    )


def _add_turned_down(run: Run, video: SourceVideo, v: int) -> None:
    """A shot that is too short, and one whose clip is blurred."""
    short = shot(hash_id("short", v), video, 60.0, 0.5)
    detail = f"'{video.uri}' has a clip of 0.50 s at 60.00 s, shorter than min_s = 2; lower min_s to keep it"
    run.add(short, reject(short.shot_id, "stitch", Reason.TOO_SHORT, detail))
    soft = shot(hash_id("soft", v), video, 61.0, 4.0)
    plan = planned(hash_id("soft clip", v), soft)
    cut = cut_clip(plan, list(_frames(run, plan, [picture(v, 9, 0)] * 3)))
    scores = scores_of(cut, blur=12.5, motion=0.1)
    detail = "blur 12.5 is above curation.filters.blur.max = 8 (clip at 61.00 s)"
    run.add(soft, plan, cut, *scores, reject(cut.clip_id, "admit", Reason.FILTERED, detail))


def _frames(run: Run, plan: PlannedClip, pictures: Sequence[np.ndarray]) -> Iterator[Frame]:
    """Frames of a clip, evenly in time, and their media in the run."""
    for f, each in enumerate(pictures):
        data, path = jpeg(each), f"{plan.clip_id}/{f}"
        run.media[path] = data
        ref = MediaRef(form=f"frame_{f:03d}", sha256=sha256(data), size_bytes=len(data), path=path, offset=0)
        time_s = round((plan.end_s - plan.start_s) * (f + 0.5) / len(pictures), 3)
        yield Frame(time_s=time_s, width_px=640, height_px=360, media=ref)


def data_of(run: Run, **options: object) -> ReportData:
    return gather(run.facts, run, run.read_media, training=TRAINING, **options)  # type: ignore[arg-type]
