"""The ffmpeg command of a split: one decode of a stretch of a source, a file for each clip in it.

As in the cut, pts in the graph are those of the file, and clips are what lies between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.cut.rules import Span, fitted_size
from curation.cut.source import SourceFile
from curation.media.ffmpeg import REPEATABLE, SCALER, seek_arguments
from curation.media.sandbox import input_arguments
from curation.records import AudioStream

PRESET, CRF = "veryfast", 22
"""x264's preset and constant rate factor; those that `scenedetect split-video` uses unless told otherwise."""

_INCREASING_PTS = "if(gt(PTS,PREV_OUTPTS)+isnan(PREV_OUTPTS),PTS,PREV_OUTPTS+1)"
"""A pts that is not above the one before becomes that plus one, as in `Sandbox.frames`."""

_AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
"""Rates that AAC can have (ISO 14496-3, table 1.18)."""
_OTHER_RATE_HZ = 48000
_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}
_OTHER_LAYOUT = "stereo"


def split_command(
    source: SourceFile,
    clips: Sequence[tuple[Span, Path]],
    *,
    seek_s: float | None,
    threads: int,
) -> list[str]:
    """Arguments that write an mp4 for each of some neighbouring clips, with pts from 0.

    `threads` are those of each encoder.
    """
    import ffmpeg

    media = ffmpeg.input("source")
    pictures = (
        media[str(source.record.video.index)]
        .filter("setpts", _INCREASING_PTS)
        .filter_multi_output("split", len(clips))
    )
    outputs = [
        _clip(pictures[number], media, source, span, path, threads)
        for number, (span, path) in enumerate(clips)
    ]
    stand_in = ["-i", "source"]
    graph: list[str] = ffmpeg.merge_outputs(*outputs).get_args()
    assert graph[: len(stand_in)] == stand_in, "ffmpeg-python puts its only input first"
    return [
        *("-copyts", "-filter_complex_threads", "1"),
        *("-threads", "1", *seek_arguments(seek_s)),
        *input_arguments(source.path, source.record.container, source.limits),
        *graph[len(stand_in) :],
    ]


def _clip(picture: Any, media: Any, source: SourceFile, span: Span, path: Path, threads: int) -> Any:
    video, audio = source.record.video, source.record.audio
    size_px = fitted_size(video.width_px, video.height_px, min(video.width_px, video.height_px))
    streams = [_picture(picture, span, size_px)]
    options: dict[str, Any] = {
        **REPEATABLE,
        "format": "mp4",
        "vcodec": "libx264",
        "preset": PRESET,
        "crf": CRF,
        "threads": threads,
        "fps_mode": "passthrough",
        "enc_time_base": video.time_base,
        "video_track_timescale": source.time_base.denominator,
        "movflags": "+faststart",
    }
    if audio is not None:
        streams.append(media[str(audio.index)])
        options |= {"acodec": "aac", "af": sound_filters(source, audio, span)}
    return streams[0].output(*streams[1:], f"file:{path}", **options)


def _picture(picture: Any, span: Span, size_px: tuple[int, int]) -> Any:
    """8 bits and an even size, which is what every player shows."""
    return (
        picture.filter("trim", start_pts=span.start_pts, end_pts=span.end_pts)
        .filter("setpts", f"PTS-{span.start_pts}" if span.start_pts >= 0 else f"PTS+{-span.start_pts}")
        .filter("scale", *size_px, flags=SCALER, out_range="limited")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def sound_filters(source: SourceFile, audio: AudioStream, span: Span) -> str:
    """Sound from the clip's start on: silence up to the first sample, gaps filled, nothing after the last."""
    start_s, end_s = float(span.start_pts * source.time_base), float(span.end_pts * source.time_base)
    rate_hz = audio.sample_rate_hz if audio.sample_rate_hz in _AAC_RATES_HZ else _OTHER_RATE_HZ
    return ",".join(
        [
            f"atrim=start={start_s:.6f}:end={end_s:.6f}",
            f"asetpts=round(PTS-{start_s:.6f}/TB)",
            f"aresample={rate_hz}:async=1:first_pts=0:min_hard_comp=0.05",
            f"aformat=channel_layouts={_LAYOUTS.get(audio.channels, _OTHER_LAYOUT)}",
        ]
    )
