"""Small datasets made the way a run makes them: real media in a media tar, records, three stages."""

from __future__ import annotations

import functools
import hashlib
import struct
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import imageio_ffmpeg
import pyarrow as pa

from captioning.records import (
    Caption,
    CaptionGate,
    Claim,
    FusedCaption,
    FusionKind,
    Modality,
    Provenance,
    Segment,
    SourceLine,
    Span,
    SupportScore,
    Wording,
)
from curation.base.media_store import MediaRef
from curation.base.records import Record, from_arrow, to_arrow
from curation.base.rejects import Rejected
from curation.base.stages import Snapshot
from curation.base.workspace import Workspace
from curation.records import Clip, DuplicateOf, NamedScore, SourceVideo
from shards.records import DatasetManifest, Sample, ShardFile
from shards.writing.manifest import Manifest, ManifestConfig
from shards.writing.pack import Pack, PackConfig
from shards.writing.select import Select, SelectConfig
from tests.sources import source_video, video_stream

NUM_FRAMES = 10
FPS = 10.0


@functools.cache
def encoded(colour: str) -> tuple[bytes, bytes]:
    """A second of H.264 (64 x 48, 10 frames, a keyframe each half second), and of 16 kHz FLAC."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    with tempfile.TemporaryDirectory() as folder:
        picture, sound = Path(folder, "a.mp4"), Path(folder, "a.flac")
        make = [ffmpeg, "-v", "error", "-f", "lavfi"]
        h264 = ["-c:v", "libx264", "-bf", "0", "-g", "5", "-pix_fmt", "yuv420p", "-threads", "1"]
        subprocess.run(
            [*make, "-i", f"color={colour}:s=64x48:r=10:d=1,noise=alls=20", *h264, str(picture)], check=True
        )
        subprocess.run([*make, "-i", "sine=440:r=16000:d=1", "-ac", "1", str(sound)], check=True)
        return picture.read_bytes(), sound.read_bytes()


def free_box(text: str) -> bytes:
    """A box that players pass over (ISO/IEC 14496-12, 8.1.2), so that no two videos are the same file."""
    return struct.pack(">I4s", 8 + len(text), b"free") + text.encode()


@dataclass
class Records:
    """What a run knows before selection."""

    clips: list[Clip] = field(default_factory=list)
    sources: list[SourceVideo] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    fused: list[FusedCaption] = field(default_factory=list)
    gates: list[CaptionGate] = field(default_factory=list)
    duplicates: list[DuplicateOf] = field(default_factory=list)

    def tables(self) -> dict[str, tuple[type[Record], Sequence[Record]]]:
        by_modality = {
            f"captions_{modality}": (Caption, [c for c in self.captions if c.modality == modality])
            for modality in Modality
        }
        return {
            "clips": (Clip, self.clips),
            "sources": (SourceVideo, self.sources),
            "fused": (FusedCaption, self.fused),
            "gates": (CaptionGate, self.gates),
            "duplicates": (DuplicateOf, self.duplicates),
            **by_modality,
        }

    def with_text(self, clip_id: str, text: str) -> Records:
        """The same with another fused text for one clip."""
        fused = [replace(one, text=text, claims=()) if one.clip_id == clip_id else one for one in self.fused]
        return replace(self, fused=fused)

    def with_gate(self, clip_id: str, score: float, *failed: str) -> Records:
        """The same with another score by the gates for one clip, and those that it failed."""
        gates = [_gate(clip_id, score, *failed) if one.clip_id == clip_id else one for one in self.gates]
        return replace(self, gates=gates)

    def with_code_version(self, version: str) -> Records:
        """The same texts, written by another version of the code."""
        return replace(
            self,
            captions=[replace(c, provenance=_provenance(version)) for c in self.captions],
            fused=[replace(f, provenance=_provenance(version)) for f in self.fused],
        )


class MemorySnapshot(Snapshot):
    """Records as a Reduce sees them."""

    def __init__(
        self, tables: dict[str, tuple[type[Record], Sequence[Record]]], previous: pa.Table | None
    ) -> None:
        self._tables = tables
        self._previous = previous

    def table(self, name: str) -> pa.Table:
        cls, records = self._tables[name]
        return _sorted_table(cls, records)

    def arrival(self, name: str) -> pa.Array:
        return pa.array([0] * len(self._tables[name][1]))

    def previous(self) -> pa.Table | None:
        return self._previous


def make_records(
    workspace: Workspace,
    num_videos: int,
    clips_per_video: int,
    *,
    first_video: int = 0,
    real_media: bool = True,
) -> Records:
    """Captioned clips of made-up sources, their media in a tar; every third clip is silent."""
    records = Records()
    with workspace.media.new_tar("cut") as tar:
        for video in range(first_video, first_video + num_videos):
            video_id = _hex("video", video)
            records.sources.append(_source(video_id))
            for number in range(clips_per_video):
                clip_id = _hex("clip", video, number)
                mp4, flac = encoded(("red", "green", "blue")[number % 3])
                mp4 += free_box(clip_id)
                if not real_media:
                    mp4, flac = (_hex("mp4", clip_id) * 5).encode(), (_hex("flac", clip_id) * 3).encode()
                picture = tar.add(f"{clip_id}.mp4", "mp4", mp4)
                sound = tar.add(f"{clip_id}.flac", "flac", flac) if number % 3 else None
                records.clips.append(_clip(clip_id, video_id, number, picture, sound))
                records.captions += [_caption(clip_id, modality) for modality in Modality]
                records.fused.append(_fused(clip_id))
                records.gates.append(_gate(clip_id))
    return records


def select(
    workspace: Workspace,
    records: Records,
    config: SelectConfig | None = None,
    previous: Sequence[Sample] = (),
) -> tuple[list[Sample], list[Rejected]]:
    """What selection puts out."""
    before = _sorted_table(Sample, previous) if previous else None
    samples: list[Sample] = []
    rejects: list[Rejected] = []
    stage = Select(config or SelectConfig(), workspace)
    for item in stage(MemorySnapshot(records.tables(), before)):
        (rejects if isinstance(item, Rejected) else samples).append(item)  # type: ignore[arg-type]
    return samples, rejects


def pack(workspace: Workspace, samples: Iterable[Sample]) -> list[ShardFile]:
    """The shards of some samples."""
    by_shard: dict[str, list[Sample]] = defaultdict(list)
    # Through Arrow, as records travel between stages.
    for sample in from_arrow(Sample, to_arrow(Sample, list(samples))):
        by_shard[sample.shard_id].append(sample)
    stage = Pack(PackConfig(), workspace)
    shards = []
    for batch in by_shard.values():
        for item in stage(batch):
            assert isinstance(item, ShardFile)
            shards.append(item)
    return shards


def write_manifest(workspace: Workspace, shards: Sequence[ShardFile], lanes: int = 64) -> DatasetManifest:
    """The manifest of some shards."""
    stage = Manifest(ManifestConfig(lanes=lanes), workspace)
    (made,) = stage(MemorySnapshot({"shards": (ShardFile, shards)}, None))
    assert isinstance(made, DatasetManifest)
    return made


def write_dataset(
    workspace: Workspace, records: Records, config: SelectConfig | None = None, lanes: int = 64
) -> str:
    """Everything at once; returns the URL of the shards folder."""
    samples, _ = select(workspace, records, config)
    write_manifest(workspace, pack(workspace, samples), lanes)
    return workspace.storage.uri("shards")


def _sorted_table(cls: type[Record], records: Sequence[Record]) -> pa.Table:
    table = to_arrow(cls, records)
    return table.sort_by(table.column_names[0])


def _hex(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _source(video_id: str) -> SourceVideo:
    return source_video(
        video_id=video_id, input_id=f"input-{video_id}", uri=f"/secret/place/{video_id}.mp4",
        video=video_stream(width_px=64, height_px=48, fps=FPS, time_base="1/10"),
        licence="CC-BY-4.0", title="Ein schöner Tag",
    )  # fmt: skip


def _clip(clip_id: str, video_id: str, number: int, picture: MediaRef, sound: MediaRef | None) -> Clip:
    return Clip(
        clip_id=clip_id, plan_id=clip_id, video_id=video_id, shot_ids=(f"{clip_id}-shot",), stream=0,
        shot_starts_s=(0.0,), start_pts=10 * number, end_pts=10 * number + 10, time_base="1/10",
        start_s=float(number), end_s=number + 1.0, duration_s=1.0, num_frames=NUM_FRAMES, fps=FPS,
        width_px=64, height_px=48, frame_times_s=tuple(n / FPS for n in range(NUM_FRAMES)),
        keyframes=(0, 5), mode="exact", video=picture, audio=sound, frames=(), crop=None, other_forms=(),
        scores=(),
    )  # fmt: skip


def _provenance(code_version: str = "0.1.0") -> Provenance:
    return Provenance(
        model="measured", revision="1", prompt=None, prompt_sha256=None, parameters="{}",
        input_spans=(Span(start_s=0.0, end_s=1.0),), stage="captions.video", stage_version="1",
        stage_key="0123456789abcdef", code_version=code_version,
    )  # fmt: skip


def _caption(clip_id: str, modality: Modality) -> Caption:
    text = f"{modality} of {clip_id[:4]}"
    return Caption(
        clip_id=clip_id, modality=modality, language="en", text=text, confidence=0.9,
        segments=(Segment(start_s=0.0, end_s=1.0, text=text, confidence=0.9),), provenance=_provenance(),
    )  # fmt: skip


def _fused(clip_id: str) -> FusedCaption:
    text = f"What one sees and hears in {clip_id[:4]}."
    line = SourceLine(
        line="V1", modality=Modality.VIDEO, start_s=0.0, end_s=1.0, text="a video", confidence=0.9
    )
    claim = Claim(
        start_char=0, end_char=len(text), lines=("V1",),
        support=(SupportScore(modality=Modality.VIDEO, score=0.75),),
    )  # fmt: skip
    return FusedCaption(
        clip_id=clip_id, kind=FusionKind.AVS, text=text, sources=(line,), claims=(claim,),
        wording=Wording.JOINED, support_rate=1.0, coverage=1.0, omitted=(), dropped=(),
        provenance=_provenance(),
    )  # fmt: skip


def _gate(clip_id: str, score: float = 0.5, *failed: str) -> CaptionGate:
    return CaptionGate(
        clip_id=clip_id, kinds=(FusionKind.AVS,), scores=(NamedScore(filter="similarity", value=score),),
        failed=failed,
    )  # fmt: skip
