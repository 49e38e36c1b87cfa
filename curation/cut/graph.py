"""The ffmpeg commands of a cut: one decode of a stretch of the source, several renderings of it.

Cuts are by stream and pts. With `-copyts` the pts in the filter graph are those of the file, whatever its
start time, and `trim` picks frames by them; the seek before is a hint that only saves decoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.cut.rules import Span
from curation.media.limits import DecodeLimits
from curation.media.sandbox import input_arguments
from curation.records import SourceVideo

AUDIO_RATE_HZ = 16000

_SCALER = "bicubic+accurate_rnd+bitexact"
_INCREASING_PTS = "if(gt(PTS,PREV_OUTPTS)+isnan(PREV_OUTPTS),PTS,PREV_OUTPTS+1)"
"""A pts that is not above the one before becomes that plus one, as in `Sandbox.frames`."""

_INDEXED_CONTAINERS = frozenset({"mov", "matroska"})
_INDEXED_MARGIN_S = 2.0
_OTHER_MARGIN_S = 15.0
"""How far ahead of the first frame to seek. Without an index of keyframes a seek lands anywhere, and the
decoder must meet a keyframe before the first frame that is wanted."""

_REPEATABLE = {"fflags": "+bitexact", "map_metadata": -1, "map_chapters": -1, "threads": 1}


@dataclass(frozen=True)
class SourceFile:
    """A source on this machine, as the command opens it."""

    record: SourceVideo
    path: Path
    limits: DecodeLimits

    @property
    def time_base(self) -> Fraction:
        """Seconds per pts of the video stream."""
        return Fraction(self.record.video.time_base)

    def seek_s(self, pts: int) -> float | None:
        """Where to seek for a frame, in seconds; None where reading from the start is as good."""
        margin_s = _INDEXED_MARGIN_S if self.record.container in _INDEXED_CONTAINERS else _OTHER_MARGIN_S
        target_s = float(pts * self.time_base) - margin_s
        return target_s if target_s > float(self.record.video.start_pts * self.time_base) else None


@dataclass(frozen=True)
class Rendering:
    """How a clip is written: sizes in pixels (width, height), the distance of keyframes in frames, x264's
    constant rate factor, and the times that captioners look at, in pts from the clip's start."""

    size_px: tuple[int, int]
    frame_size_px: tuple[int, int]
    gop_frames: int
    crf: int
    caption_targets: Sequence[int]


@dataclass(frozen=True)
class ClipFiles:
    """Where a rendering puts its files."""

    folder: Path

    @property
    def video(self) -> Path:
        """The mp4 form."""
        return self.folder / "clip.mp4"

    @property
    def audio(self) -> Path:
        """The 16 kHz mono FLAC."""
        return self.folder / "clip.flac"

    def frame(self, number: int) -> Path:
        """A caption frame, from 0 in order of time."""
        return self.folder / f"frame_{number:03d}.jpg"

    @property
    def frame_pattern(self) -> str:
        """All caption frames, as the image2 muxer names them."""
        return f"{str(self.folder).replace('%', '%%')}/frame_%03d.jpg"


def clip_command(
    source: SourceFile, span: Span, rendering: Rendering, files: ClipFiles, seek_s: float | None
) -> list[str]:
    """Arguments that render a clip's video, its caption frames, and its sound if the source has any."""
    import ffmpeg

    media = ffmpeg.input("source")
    picture = (
        media[str(source.record.video.index)]
        .filter("setpts", _INCREASING_PTS)
        .filter("trim", start_pts=span.start_pts, end_pts=span.end_pts)
        .filter("setpts", f"PTS-{span.start_pts}" if span.start_pts >= 0 else f"PTS+{-span.start_pts}")
        .filter_multi_output("split", 2)
    )
    outputs = [
        _video(picture[0], source.time_base, rendering, files),
        _caption_frames(picture[1], rendering, files),
    ]
    if source.record.audio is not None:
        outputs.append(_sound(media[str(source.record.audio.index)], source.time_base, span, files))
    return _arguments(source, ffmpeg.merge_outputs(*outputs), seek_s)


def _arguments(source: SourceFile, outputs: Any, seek_s: float | None) -> list[str]:
    seek = [] if seek_s is None else ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{seek_s:.6f}"]
    opening = input_arguments(source.path, source.record.container, source.limits)
    stand_in = ["-i", "source"]
    graph: list[str] = outputs.get_args()
    assert graph[: len(stand_in)] == stand_in, "ffmpeg-python puts its only input first"
    return [
        *("-copyts", "-filter_complex_threads", "1"),
        *("-threads", "1", *seek),
        *opening,
        *graph[len(stand_in) :],
    ]


def _video(picture: Any, time_base: Fraction, rendering: Rendering, files: ClipFiles) -> Any:
    scaled = (
        picture.filter("scale", *rendering.size_px, flags=_SCALER, out_range="limited")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )
    gop = rendering.gop_frames
    return scaled.output(
        f"file:{files.video}",
        format="mp4",
        vcodec="libx264",
        preset="veryfast",
        tune="fastdecode",
        crf=rendering.crf,
        g=gop,
        keyint_min=gop,
        sc_threshold=0,
        bf=0,
        **{"x264-params": "cpu-independent=1", "flags:v": "+bitexact"},
        fps_mode="passthrough",
        enc_time_base=_ratio(time_base),
        video_track_timescale=time_base.denominator,
        movflags="+faststart",
        **_REPEATABLE,
    )


def _caption_frames(picture: Any, rendering: Rendering, files: ClipFiles) -> Any:
    """The clip's first frame and the first at or after each target; JPEG is full-range BT.601 (JFIF 1.02)."""
    crossings = [f"gte(pts,{target})*lt(prev_pts,{target})" for target in rendering.caption_targets]
    scaled = (
        picture.filter("select", "+".join(["eq(pts,0)", *crossings]))
        .filter(
            "scale",
            *rendering.frame_size_px,
            flags=_SCALER,
            out_color_matrix="bt601",
            out_range="full",
        )
        .filter("setsar", 1)
        .filter("format", "yuvj420p")
    )
    return scaled.output(
        f"file:{files.frame_pattern}",
        format="image2",
        vcodec="mjpeg",
        start_number=0,
        fps_mode="passthrough",
        **{"q:v": 3, "flags:v": "+bitexact"},
        **_REPEATABLE,
    )


def _sound(stream: Any, time_base: Fraction, span: Span, files: ClipFiles) -> Any:
    """Sound from the clip's start on: silence up to the first sample, gaps filled, nothing after the last.

    A graph of its own, since a change of the sound's format midway rebuilds the graph that it is in.
    """
    start_s, end_s = float(span.start_pts * time_base), float(span.end_pts * time_base)
    chain = [
        f"atrim=start={start_s:.6f}:end={end_s:.6f}",
        f"asetpts=round(PTS-{start_s:.6f}/TB)",
        f"aresample={AUDIO_RATE_HZ}:async=1:first_pts=0:min_hard_comp=0.05",
        "aformat=sample_fmts=s16:channel_layouts=mono",
    ]
    return stream.output(
        f"file:{files.audio}",
        format="flac",
        acodec="flac",
        af=",".join(chain),
        **{"flags:a": "+bitexact"},
        **_REPEATABLE,
    )


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
