"""Made-up records of each step, as the stages of a small run would put them out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace

import cv2
import numpy as np

from captioning.records import (
    Caption,
    CaptionGate,
    Claim,
    Doubt,
    DoubtReason,
    Dropped,
    FusedCaption,
    FusionKind,
    Modality,
    Provenance,
    Segment,
    SourceLine,
    Span,
    SupportScore,
    Translation,
    Wording,
)
from curation.base.ids import hash_id
from curation.base.media_store import MediaRef
from curation.base.rejects import Reason, Rejected
from curation.records import (
    Clip,
    CutClip,
    Extent,
    Frame,
    NamedScore,
    PlannedClip,
    Score,
    Shot,
    SourceVideo,
)
from shards.records import Sample, ShardFile
from tests.sources import source_video, video_stream

VIDEO_LINES = (
    ("The clip lasts {d:.1f} seconds at 24 frames per second.", 1.0),
    ("The camera pans to the left (by 48 % of the picture's width) until 2.1 s.", 0.91),
    ("There is moderate motion in the picture (7 % of it changes within 0.1 s).", 0.9),
    ("The picture is dark, with strong contrast.", 0.97),
    ("The dominant colours are navy blue, slate grey and white.", 0.84),
    ("There is text in the picture from 1.2 s on.", 0.62),
)
AUDIO_LINES = (
    ("The sound is of medium loudness (-21.4 LUFS).", 1.0),
    ("Speech is heard for 38 % of the clip.", 0.88),
    ("Besides speech the sound is tonal, at about 96 beats per minute.", 0.55),
)
SPEECH_LINES = (
    ("what brings you to the land of the gatekeepers", 0.71),
    ("i am searching for someone", 0.64),
)

UNCERTAIN = (
    Doubt(
        start_s=0.2, end_s=1.9, reason=DoubtReason.COMPRESSIBLE, detail="compression ratio 3.1, at most 2.4"
    ),
)
DROPPED = (
    Dropped(
        text="A red boat arrives in the harbour.",
        lines=("V5", "V77"),
        problems=("no line says red", "line V77 does not exist"),
        score=0.12,
        draft=1,
    ),
)


def source(v: int) -> SourceVideo:
    names = ("harbour_walk.mp4", "interview take 2.mov", "night-drive.mkv", "lecture.webm")
    return source_video(
        video_id=hash_id("video", v),
        input_id=f"input{v}",
        uri=f"/data/raw/{v:03d}_{names[v % 4]}",
        size_bytes=10**7,
        duration_s=40.0 + v,
        video=video_stream(width_px=1280, height_px=720, fps=24.0, time_base="1/12288"),
        licence="CC-BY 4.0" if v % 2 else None,
        title="A walk" if v % 2 else None,
    )


def shot(shot_id: str, video: SourceVideo, start_s: float, duration_s: float) -> Shot:
    return Shot(
        shot_id=shot_id,
        video_id=video.video_id,
        stream=0,
        start_pts=0,
        end_pts=1,
        time_base="1/24",
        start_s=start_s,
        end_s=start_s + duration_s,
        start_frame=0,
        last_frame=71,
        opened_by="cut",
        score=0.9,
        lit=Extent(start_pts=0, end_pts=1, start_frame=0, last_frame=71),
        motion=2.0,
        first_image=bytes(27 * 48 * 3),
        last_image=bytes(27 * 48 * 3),
    )


def planned(clip_id: str, shot: Shot) -> PlannedClip:
    return PlannedClip(
        clip_id=clip_id,
        video_id=shot.video_id,
        shot_ids=(shot.shot_id,),
        shot_start_pts=(0,),
        stream=0,
        start_pts=0,
        end_pts=1,
        time_base="1/24",
        start_s=shot.start_s,
        end_s=shot.end_s,
        start_frame=0,
        last_frame=71,
        motion=2.0,
    )


def cut_clip(plan: PlannedClip, frames: Sequence[Frame]) -> CutClip:
    duration_s = plan.end_s - plan.start_s
    media = MediaRef(
        form="mp4", sha256=sha256(b"x"), size_bytes=700_000, path=f"{plan.clip_id}.mp4", offset=0
    )
    return CutClip(
        clip_id=plan.clip_id,
        plan_id=plan.clip_id,
        video_id=plan.video_id,
        shot_ids=plan.shot_ids,
        shot_starts_s=(0.0,),
        stream=0,
        start_pts=0,
        end_pts=1,
        time_base="1/24",
        start_s=plan.start_s,
        end_s=plan.end_s,
        duration_s=duration_s,
        num_frames=72,
        fps=24.0,
        width_px=454,
        height_px=256,
        frame_times_s=(0.0,),
        keyframes=(0,),
        mode="exact",
        video=media,
        audio=None,
        frames=tuple(frames),
        other_forms=(),
        crop=None,
    )


def scores_of(clip: CutClip, blur: float, motion: float) -> list[Score]:
    """Scores of which blur above 8 is too much."""
    return [
        Score(clip_id=clip.clip_id, filter="motion", value=motion, passes=True),
        Score(clip_id=clip.clip_id, filter="blur", value=blur, passes=blur <= 8),
    ]


def admitted(clip: CutClip, scores: Sequence[Score]) -> Clip:
    values = {field.name: getattr(clip, field.name) for field in fields(CutClip)}
    return Clip(**values, scores=tuple(NamedScore(filter=s.filter, value=s.value) for s in scores))


def captions_of(clip: Clip, silent: bool) -> list[Caption]:
    said = {Modality.VIDEO: VIDEO_LINES, Modality.AUDIO: AUDIO_LINES, Modality.SPEECH: SPEECH_LINES}
    captions = []
    for modality, lines in said.items():
        held = () if silent and modality is not Modality.VIDEO else lines
        segments = tuple(
            Segment(
                start_s=0.0 if modality is not Modality.SPEECH else 0.4 + i,
                end_s=min(clip.duration_s, 1.5 + i),
                text=text.format(d=clip.duration_s),
                confidence=sure,
            )
            for i, (text, sure) in enumerate(held)
        )
        captions.append(
            Caption(
                clip_id=clip.clip_id,
                modality=modality,
                language="en",
                text=" ".join(s.text for s in segments),
                segments=segments,
                confidence=0.9,
                uncertain=UNCERTAIN if modality is Modality.SPEECH else (),
                translation=in_french(segments) if modality is Modality.SPEECH and segments else None,
                provenance=provenance(
                    f"cliploom measured {modality} facts"
                    if modality is not Modality.SPEECH
                    else "pocketsphinx en-us"
                ),
            )
        )
    return captions


def in_french(segments: Sequence[Segment]) -> Translation:
    return Translation(
        language="fr",
        segments=tuple(replace(each, text=f"en français : {each.text}") for each in segments),
        provenance=provenance("Qwen/Qwen3-4B-Instruct-2507"),
    )


def fused(clip_id: str, captions: Sequence[Caption], silent: bool) -> FusedCaption:
    sources = [
        SourceLine(
            line=f"{caption.modality.letter}{n}",
            modality=caption.modality,
            start_s=s.start_s,
            end_s=s.end_s,
            text=s.text,
            confidence=s.confidence,
        )
        for caption in captions
        for n, s in enumerate(caption.segments, start=1)
    ]
    parts: list[tuple[str, tuple[str, ...]]] = [
        ("A dark picture in navy blue, slate grey and white with some text", ("V4", "V5", "V6")),
        (", in which ", ()),
        ("the camera pans to the left while part of the picture moves", ("V2", "V3")),
        (". ", ()),
    ]
    if not silent:
        parts += [
            ("Someone speaks over music of medium loudness", ("A1", "A2", "A3", "S1")),
            (" and ", ()),
            ("says “what brings you to the land of the gatekeepers”", ("S1",)),
            (". ", ()),
        ]
    text, claims = "", []
    for words, lines in parts:
        if lines:
            support = tuple(
                SupportScore(modality=m, score=0.9)
                for m in Modality
                if any(line.startswith(m.letter) for line in lines)
            )
            claims.append(
                Claim(start_char=len(text), end_char=len(text) + len(words), lines=lines, support=support)
            )
        text += words
    if silent:
        claims.append(Claim(start_char=len(text), end_char=len(text) + 16, lines=(), support=()))
        text += "Nobody is there."
    return FusedCaption(
        clip_id=clip_id,
        kind=FusionKind.V if silent else FusionKind.AVS,
        text=text.strip(),
        sources=tuple(sources),
        claims=tuple(claims),
        wording=Wording.JOINED if silent else Wording.REWRITTEN,
        support_rate=1.0 if silent else 0.75,
        coverage=0.62,
        omitted=("V1",),
        dropped=() if silent else DROPPED,
        provenance=provenance("cliploom template"),
    )


def quoted(fuller: FusedCaption) -> FusedCaption:
    """The fused caption of what was seen alone: its first line, as it is."""
    lines = tuple(line for line in fuller.sources if line.modality is Modality.VIDEO)
    text = lines[0].text
    claim = Claim(start_char=0, end_char=len(text), lines=(lines[0].line,), support=())
    return replace(
        fuller,
        kind=FusionKind.V,
        text=text,
        sources=lines,
        claims=(claim,),
        wording=Wording.JOINED,
        support_rate=1.0,
        omitted=tuple(line.line for line in lines[1:]),
        dropped=(),
    )


def gate_of(clip_id: str, silent: bool) -> CaptionGate:
    """Gates of which a clip without sound does not pass the one of similarity."""
    return CaptionGate(
        clip_id=clip_id,
        kinds=(FusionKind.V,) if silent else (FusionKind.AVS, FusionKind.V),
        scores=(
            NamedScore(filter="words", value=27.0),
            NamedScore(filter="similarity", value=0.11 if silent else 0.31),
        ),
        failed=("similarity",) if silent else (),
    )


def provenance(model: str) -> Provenance:
    return Provenance(
        model=model,
        revision="1",
        prompt=None,
        prompt_sha256=None,
        parameters='{"frames":8,"start_probability":0.5}',
        input_spans=(Span(start_s=0.0, end_s=3.0),),
        stage="caption",
        stage_version="1",
        stage_key="0f1e2d3c4b5a6978",
        code_version="0.1.0",
    )


def shard_file(shard_id: str, held: Sequence[Sample]) -> ShardFile:
    return ShardFile(
        shard_id=shard_id,
        generation="g0",
        split="train",
        path=f"{shard_id}.tar",
        sha256=sha256(shard_id.encode()),
        size_bytes=700_000 * len(held),
        index_path=f"{shard_id}.index.parquet",
        index_sha256=sha256(b"i"),
        num_samples=len(held),
        duration_s=sum(s.duration_s for s in held),
        sample_ids=tuple(s.sample_id for s in held),
    )


def reject(rejected_id: str, stage: str, reason: Reason, detail: str) -> Rejected:
    return Rejected(rejected_id=rejected_id, parent_id=rejected_id, stage=stage, reason=reason, detail=detail)


def picture(v: int, c: int, f: int) -> np.ndarray:
    y, x = np.mgrid[0:360, 0:640]
    planes = [(x // 3 + 40 * v + 9 * f) % 256, (y // 2 + 50 * c) % 256, np.full_like(x, 60 + 20 * v)]
    picture = np.stack(planes, axis=2).astype(np.uint8)
    cv2.circle(picture, (80 + 60 * f, 180), 50, (255, 255, 255), -1)
    return picture


def jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
