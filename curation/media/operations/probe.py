"""Reads what a file says of itself, and measures what it cannot be trusted to say."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame

from curation.media.child import RefusedError
from curation.media.operations.decoding import open_decoder
from curation.media.operations.opening import PacketReader, open_media, stream_of, time_base
from curation.media.operations.orientation import orientation, rotation_deg
from curation.media.wire import Sender

_MAX_TAGS = 64
_MAX_KEY_CHARS = 64
_MAX_TEXT_CHARS = 500
_RATE_TOLERANCE = 0.05


def run(sender: Sender, limits: Mapping[str, Any], *, path: str, container: str) -> dict[str, Any]:
    """Facts about the streams that Cliploom would use."""
    media = open_media(path, container, limits)
    video, audio = _best_video(media), _best_audio(media)
    tags = list(media.metadata.items())[:_MAX_TAGS]
    facts: dict[str, Any] = {
        "num_video_streams": sum(_is_video(stream) for stream in media.streams),
        "num_pictures": sum(_is_picture(stream) for stream in media.streams),
        "num_audio_streams": len(media.streams.audio),
        "metadata": {key[:_MAX_KEY_CHARS]: value[:_MAX_TEXT_CHARS] for key, value in tags},
        "audio": None if audio is None else _audio_facts(audio),
        "video": None,
    }
    if video is not None:
        _check_size(video.codec_context, limits)
        extent = _extent(media, stream_of(media, video.index, "video"))
        facts["video"] = {**_video_facts(path, container, video.index, limits), **extent}
    return {"facts": facts}


def _is_picture(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _is_video(stream: Stream) -> bool:
    return stream.type == "video" and not _is_picture(stream)


def _best_video(media: InputContainer) -> Stream | None:
    """The largest frames, then the one marked default, then the first."""
    streams = [stream for stream in media.streams if _is_video(stream)]
    return max(streams, key=lambda stream: (_area(stream), _is_default(stream), -stream.index), default=None)


def _best_audio(media: InputContainer) -> Stream | None:
    """The one marked default, then the most channels, the highest rate, the first."""
    streams = [stream for stream in media.streams.audio if stream.codec_context and stream.time_base]
    return max(streams, key=_audio_rank, default=None)


def _audio_rank(stream: Stream) -> tuple[bool, int, int, int]:
    context = stream.codec_context
    return (_is_default(stream), context.channels, context.sample_rate, -stream.index)


def _is_default(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.default)


def _area(stream: Stream) -> int:
    context = stream.codec_context
    return 0 if context is None else context.width * context.height


def _audio_facts(stream: Stream) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "index": stream.index,
        "codec": context.codec.canonical_name,
        "sample_rate_hz": context.sample_rate,
        "channels": context.channels,
    }


def _check_size(context: Any, limits: Mapping[str, Any]) -> None:
    if context is not None and context.width * context.height > limits["max_pixels"]:
        raise RefusedError(
            "frame_too_large",
            f"has frames of {context.width}x{context.height} px, more than {limits['max_pixels']} pixels; "
            "raise curation.probe.limits.max_pixels if that is meant",
        )


def _extent(media: InputContainer, stream: Stream) -> dict[str, Any]:
    """Where the stream starts and ends, from its packets: what a header claims is not looked at."""
    first = last = None
    count = 0
    for packet in PacketReader(media, stream):
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None or packet.size == 0 or packet.is_discard:
            continue
        end = pts + max(0, packet.duration or 0)
        first = pts if first is None else min(first, pts)
        last = end if last is None else max(last, end)
        count += 1
    if first is None or last is None:
        raise RefusedError(
            "decode_failed", "has a video stream without data; copy or download the file again"
        )
    duration_s = float((last - first) * time_base(stream))
    return {"start_pts": first, "duration_s": duration_s, "fps": _rate(stream, count, duration_s)}


def _rate(stream: Stream, num_packets: int, duration_s: float) -> float:
    """Frames per second: the header's exact fraction where the packets bear it out."""
    measured = num_packets / duration_s if duration_s > 0 else 0.0
    claimed = float(stream.average_rate or 0)
    return round(claimed if abs(claimed - measured) <= _RATE_TOLERANCE * measured else measured, 4)


def _video_facts(path: str, container: str, index: int, limits: Mapping[str, Any]) -> dict[str, Any]:
    """What the first frame shows."""
    stream, decoder = open_decoder(path, container, limits, "video", index)
    frame: VideoFrame | None = next(iter(decoder), None)
    if frame is None:
        raise RefusedError(
            "decode_failed", f"has no frame that can be decoded ({decoder.damage() or 'no data'})"
        )
    turn = rotation_deg(orientation(frame))
    width, height = _displayed_size(frame, stream.codec_context.sample_aspect_ratio, turn)
    unit_s = time_base(stream)
    return {
        "index": index,
        "codec": stream.codec_context.codec.canonical_name,
        "width_px": width,
        "height_px": height,
        "time_base": f"{unit_s.numerator}/{unit_s.denominator}",
        "rotation_deg": turn,
        "pixel_format": frame.format.name,
        "bit_depth": max(component.bits for component in frame.format.components),
    }


def _displayed_size(frame: VideoFrame, aspect: Fraction | None, turn_deg: int) -> tuple[int, int]:
    """Width and height with square pixels, turned upright."""
    width = frame.width
    if aspect and Fraction(1, 4) <= aspect <= 4:
        width = max(1, round(width * aspect))
    return (frame.height, width) if turn_deg in (90, 270) else (width, frame.height)
