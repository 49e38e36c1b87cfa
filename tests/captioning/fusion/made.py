"""Clips, captions and groups for tests of fusion, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.fusion.llm import LlmFusion
from captioning.records import Caption, FusedCaption, FusionKind, Modality, Provenance, Segment
from curation.base.media_store import MediaRef
from curation.base.stages import Group
from curation.records import Clip

PROVENANCE = Provenance(
    model="made", revision="1", prompt=None, prompt_sha256=None, parameters="{}", input_spans=(),
    stage="made", stage_version="1", stage_key="0", code_version="0",
)  # fmt: skip


def clip(clip_id: str = "clip", video_id: str = "video") -> Clip:
    """A clip of 8 s whose media are nowhere."""
    return Clip(
        clip_id=clip_id, plan_id=clip_id, video_id=video_id, shot_ids=("shot",), stream=0,
        shot_starts_s=(0.0,), start_pts=0, end_pts=8000, time_base="1/1000", start_s=0.0, end_s=8.0,
        duration_s=8.0, num_frames=200, fps=25.0, width_px=64, height_px=64, frame_times_s=(0.0,),
        keyframes=(0,), mode="exact", audio=None, frames=(), crop=None, other_forms=(), scores=(),
        video=MediaRef(form="mp4", sha256="0", size_bytes=0, path="", offset=0),
    )  # fmt: skip


def caption(modality: Modality, *lines: str, clip_id: str = "clip", confidence: float = 0.9) -> Caption:
    """A caption whose lines follow each other, a second each."""
    segments = tuple(
        Segment(start_s=float(number), end_s=number + 1.0, text=line, confidence=confidence)
        for number, line in enumerate(lines)
    )
    return Caption(
        clip_id=clip_id, modality=modality, language="en", text=" ".join(lines), segments=segments,
        confidence=confidence, provenance=PROVENANCE,
    )  # fmt: skip


def group(clip_id: str = "clip", **lines: Sequence[str]) -> Group:
    """A clip with its captions by modality."""
    captions = {name: [caption(Modality(name), *told, clip_id=clip_id)] for name, told in lines.items()}
    return Group(key=clip_id, records={"clips": [clip(clip_id)], **captions})


def fused_by_kind(stage: LlmFusion, one: Group) -> dict[FusionKind, FusedCaption]:
    """The fused captions of one clip."""
    found = {}
    for fused in stage([one]):
        assert isinstance(fused, FusedCaption), fused
        found[fused.kind] = fused
    return found
