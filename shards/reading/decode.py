"""Members to arrays: H.264 in MP4 to RGB frames, FLAC to sound. Untrusted bytes meet limits first.

The demuxer is always named, never guessed, so that a playlist dressed as a video opens nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from shards.reading.errors import DecodeError
from shards.reading.randomness import uniform

if TYPE_CHECKING:
    import av

Sampling = Literal["uniform", "segment"]

CODECS = {"mp4": frozenset({"av1", "h264", "hevc", "mpeg4", "vp9"}), "flac": frozenset({"flac"})}
MAX_PIXELS = 4096 * 4096
"""Pixels of a frame; a 198 KB file can claim frames that take gigabytes."""
MAX_PACKETS = 1_000_000
MAX_AUDIO_SAMPLES = 48_000 * 3600


def decode_frames(
    mp4: bytes, *, num_frames: int, size_px: int, sampling: Sampling, key: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Frames of a clip as RGB uint8 [num_frames, size_px, size_px, 3].

    The clip's duration is cut into `num_frames` equal segments; a frame is taken at the middle of
    each (`uniform`) or at a random time in it (`segment`: Wang et al., Temporal Segment Networks,
    arXiv 1608.00859), the same for the same `key`. A time shows the last frame that began by then.
    Frames are scaled to a short side of `size_px` and cropped at the centre.

    Raises:
        DecodeError: the bytes are no decodable MP4, or exceed a limit.
    """
    if num_frames < 1 or size_px < 1:
        raise ValueError(f"num_frames = {num_frames}, size_px = {size_px}: both must be at least 1")
    with _open(mp4, "mp4") as container:
        packets, pts = _packets(container)
        wanted = _frame_numbers(pts, num_frames, sampling, key)
        codec = container.streams.video[0].codec_context
        found = _decode(codec, packets, pts, sorted(set(wanted.tolist())), size_px)
    return np.stack([found[int(number)] for number in wanted])


def frame_times(mp4: bytes) -> list[float]:
    """The presentation time of every frame that decodes, in seconds from the first.

    Raises:
        DecodeError: the bytes are no decodable MP4, or exceed a limit.
    """
    import av

    with _open(mp4, "mp4") as container:
        stream = container.streams.video[0]
        try:
            pts = [frame.pts for frame in container.decode(stream)]
        except av.FFmpegError as error:
            raise DecodeError(f"video does not decode: {error}") from error
        if not pts or None in pts:
            raise DecodeError("video has no frame, or frames without a time")
        return [float((number - pts[0]) * stream.time_base) for number in pts]


def decode_audio(flac: bytes) -> tuple[NDArray[np.float32], int]:
    """Sound as float32 [samples] in -1..1, channels averaged, and its rate in Hz.

    Raises:
        DecodeError: the bytes are no decodable FLAC, or exceed a limit.
    """
    import av

    blocks: list[NDArray[np.float32]] = []
    length = 0
    with _open(flac, "flac") as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        try:
            for frame in container.decode(stream):
                for part in resampler.resample(frame):
                    blocks.append(part.to_ndarray().mean(axis=0, dtype=np.float32))
                    length += part.samples
                if length > MAX_AUDIO_SAMPLES:
                    raise DecodeError(f"sound is longer than {MAX_AUDIO_SAMPLES} samples")
        except av.FFmpegError as error:
            raise DecodeError(f"sound does not decode: {error}") from error
        if not blocks:
            raise DecodeError("no sound in it")
        return np.concatenate(blocks), int(stream.rate)


def _open(data: bytes, demuxer: str) -> av.container.InputContainer:
    import av

    try:
        container = av.open(io.BytesIO(data), format=demuxer, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise DecodeError(f"not {demuxer}: {error}") from error
    try:
        _check_stream(container, demuxer)
    except DecodeError:
        container.close()
        raise
    return container


def _check_stream(container: av.container.InputContainer, demuxer: str) -> None:
    streams = container.streams.video if demuxer == "mp4" else container.streams.audio
    if not streams:
        raise DecodeError(f"{demuxer} without a stream to decode")
    codec = streams[0].codec_context
    name = "unknown" if codec is None else codec.codec.canonical_name
    if name not in CODECS[demuxer]:
        raise DecodeError(f"{demuxer} with codec {name}; {', '.join(sorted(CODECS[demuxer]))} are decoded")
    # Parallelism is across clips; a thread per clip costs more than it brings.
    codec.thread_count = 1
    if demuxer == "mp4":
        if not 0 < codec.width * codec.height <= MAX_PIXELS:
            raise DecodeError(f"frames of {codec.width} x {codec.height}, limit {MAX_PIXELS} pixels")
        codec.options = {"max_pixels": str(MAX_PIXELS)}


def _packets(container: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """Packets in decoding order and their pts. They are views of the file: demuxing is cheap."""
    import av

    packets = []
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None and packet.size:
                packets.append(packet)
            if len(packets) > MAX_PACKETS:
                raise DecodeError(f"more than {MAX_PACKETS} frames")
    except av.FFmpegError as error:
        raise DecodeError(f"video is damaged: {error}") from error
    if not packets or not packets[0].is_keyframe:
        raise DecodeError("video has no frame, or does not begin with a keyframe")
    return packets, np.asarray([packet.pts for packet in packets], dtype=np.int64)


def _frame_numbers(
    pts: NDArray[np.int64], num_frames: int, sampling: Sampling, key: tuple[int, ...]
) -> NDArray[np.int64]:
    """Which packets, in decoding order, hold the frames shown at the sampled times."""
    shown = np.argsort(pts, kind="stable")
    times = pts[shown]
    frame_duration = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    duration = float(times[-1] - times[0]) + frame_duration
    inside = uniform(num_frames, *key) if sampling == "segment" else np.full(num_frames, 0.5)
    at = float(times[0]) + (np.arange(num_frames) + inside) * (duration / num_frames)
    return shown[np.searchsorted(times, at, side="right") - 1]


def _decode(
    codec: Any, packets: Sequence[Any], pts: NDArray[np.int64], wanted: Sequence[int], size_px: int
) -> dict[int, NDArray[np.uint8]]:
    """The wanted frames by packet number: each keyframe's group is decoded only as far as needed."""
    import av

    number_of = {int(pts[number]): number for number in wanted}
    keyframes = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    group_of = np.searchsorted(keyframes, wanted, side="right") - 1
    found: dict[int, NDArray[np.uint8]] = {}
    try:
        for group in np.unique(group_of):
            missing = {int(pts[number]) for number, g in zip(wanted, group_of, strict=True) if g == group}
            end = keyframes[group + 1] if group + 1 < len(keyframes) else len(packets)
            for frame in _decode_group(codec, packets[keyframes[group] : end]):
                if frame.pts in missing:
                    missing.discard(frame.pts)
                    found[number_of[frame.pts]] = _to_square(frame, size_px)
                if not missing:
                    break
            codec.flush_buffers()
    except av.FFmpegError as error:
        raise DecodeError(f"video does not decode: {error}") from error
    lost = [number for number in wanted if number not in found]
    if lost:
        raise DecodeError(f"{len(lost)} of {len(wanted)} frames did not decode, e.g. number {lost[0]}")
    return found


def _decode_group(codec: Any, packets: Sequence[Any]) -> Any:
    for packet in packets:
        yield from codec.decode(packet)
    yield from codec.decode(None)


def _to_square(frame: Any, size_px: int) -> NDArray[np.uint8]:
    from av.video.reformatter import Interpolation

    if frame.width * frame.height > MAX_PIXELS:
        raise DecodeError(f"a frame of {frame.width} x {frame.height}, limit {MAX_PIXELS} pixels")
    short = min(frame.width, frame.height)
    width = max(size_px, round(frame.width * size_px / short))
    height = max(size_px, round(frame.height * size_px / short))
    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    image = frame.to_ndarray(width=width, height=height, format="rgb24", interpolation=int(flags))
    left, top = (width - size_px) // 2, (height - size_px) // 2
    return np.ascontiguousarray(image[top : top + size_px, left : left + size_px])
