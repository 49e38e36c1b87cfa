"""Clips that need no encoding: those of which every frame can be copied from the source as it is.

Encoders put a keyframe where they see a cut, so that this is common. A copy is kept only if it has exactly
the frames of the shot, and begins with the picture that the detector saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.cut.copier import Copier
from curation.cut.copies import PacketCopy
from curation.cut.source import SourceFile
from curation.media.cutting import CuttingSandbox
from curation.media.ffmpeg import seek_arguments
from curation.media.sandbox import DecodeError, input_arguments
from pipelines.segmenting.split_graph import sound_filters
from pipelines.segmenting.split_groups import SplitClip

_CONTAINERS = frozenset({"mov", "matroska"})
"""Containers that keep the decoder's set-up apart from the packets, and an index."""
_MAX_FRAMES_AT_ONCE = 500_000
"""Packets that are looked at together; a longer shot is encoded."""


def whole_copies(
    sandbox: CuttingSandbox, source: SourceFile, clips: Sequence[SplitClip]
) -> dict[SplitClip, PacketCopy]:
    """Which clips can be copied whole, to files like those that are encoded: H.264, 8 bits, upright."""
    record = source.record
    video = record.video
    alike = (video.codec, video.pixel_format, video.rotation_deg) == ("h264", "yuv420p", 0)
    found: dict[SplitClip, PacketCopy] = {}
    if not alike or record.container not in _CONTAINERS:
        return found
    copier = Copier(sandbox, source)
    for together in _batches(clips):
        try:
            copies = copier.find([clip.span for clip in together])
        except DecodeError:
            continue
        for clip, copy in zip(together, copies, strict=True):
            if copy is not None and len(copy.frame_pts) == clip.num_frames:
                found[clip] = copy
    return found


def _batches(clips: Sequence[SplitClip]) -> Iterator[list[SplitClip]]:
    batch: list[SplitClip] = []
    num_frames = 0
    for clip in clips:
        if clip.num_frames > _MAX_FRAMES_AT_ONCE:
            continue
        if num_frames + clip.num_frames > _MAX_FRAMES_AT_ONCE:
            yield batch
            batch, num_frames = [], 0
        batch.append(clip)
        num_frames += clip.num_frames
    if batch:
        yield batch


def copy_command(
    source: SourceFile, copies: Sequence[tuple[PacketCopy, Path]], *, seek_s: float | None
) -> list[str]:
    """Arguments that copy the pictures of some neighbouring clips and encode their sound; pts are from 0."""
    arguments = [
        *("-copyts", *seek_arguments(seek_s)),
        *input_arguments(source.path, source.record.container, source.limits),
    ]
    for copy, path in copies:
        arguments += [*_pictures(source, copy), *_sound(source, copy), "-movflags", "+faststart"]
        arguments += ["-fflags", "+bitexact", "-map_metadata", "-1", "-map_chapters", "-1"]
        arguments += ["-f", "mp4", f"file:{path}"]
    return arguments


def _pictures(source: SourceFile, copy: PacketCopy) -> list[str]:
    first, last = copy.frame_pts[0], copy.frame_pts[-1]
    by = f"-{first}" if first >= 0 else f"+{-first}"
    end_s = float(copy.span.end_pts * source.time_base)
    return [
        *("-map", f"0:{source.record.video.index}", "-c:v", "copy"),
        *("-bsf:v", f"noise=amount=0:drop=lt(pts\\,{first})+gt(pts\\,{last}),setts=pts=PTS{by}:dts=DTS{by}"),
        *(("-to", f"{end_s:.6f}") if end_s > 0 else ()),
        *("-video_track_timescale", str(source.time_base.denominator)),
    ]


def _sound(source: SourceFile, copy: PacketCopy) -> list[str]:
    audio = source.record.audio
    if audio is None:
        return []
    filters = sound_filters(source, audio, copy.span)
    return ["-map", f"0:{audio.index}", "-c:a", "aac", "-af", filters, "-flags:a", "+bitexact"]


def is_whole(
    sandbox: CuttingSandbox, source: SourceFile, clip: SplitClip, copy: PacketCopy, path: Path
) -> bool:
    """Whether a copy has the frames of its clip and begins with the picture that the detector saw there.

    The packets are the source's own, so they are only read in the sandbox.
    """
    first = copy.frame_pts[0]
    unit = source.time_base.numerator
    expected = [(pts - first) * unit for pts in copy.frame_pts]
    try:
        packets = sandbox.packets(path, "mov", 0, start_pts=0, end_pts=expected[-1] + 1)
        if sorted(packet.pts for packet in packets if packet.pts is not None) != expected:
            return False
        frames = sandbox.frames(path, "mov", 0, width_px=48, height_px=27, end_pts=1)
        shown = next(frames, None)
        frames.close()
    except DecodeError:
        return False
    return shown is not None and shown.image.tobytes() == clip.first_image
