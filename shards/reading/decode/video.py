"""Frames of a clip: several views from one decode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shards.reading.decode.config import DecoderConfig, NvdecConfig, PyavConfig, TorchcodecConfig
from shards.reading.decode.image import image
from shards.reading.decode.media import Media, media_of
from shards.reading.decode.nvdec_video import nvdec_video
from shards.reading.decode.opening import bearing_shortage, decoding, opened, stream_of
from shards.reading.decode.pictures import Scaler
from shards.reading.decode.pyav_video import pyav_video
from shards.reading.decode.source import VideoSource
from shards.reading.decode.torchcodec_video import torchcodec_video
from shards.reading.decode.views import Frames, SegmentFrames, Size, Square, UniformFrames, View
from shards.reading.errors import DecodeError

DEFAULT_DECODER = PyavConfig()
Sampling = Literal["uniform", "segment"]


@bearing_shortage
def decode_views(
    data: bytes, views: Sequence[View], *, media: str = "mp4", decoder: DecoderConfig = DEFAULT_DECODER
) -> list[Frames]:
    """The frames of each view, each frame decoded once, and scaled once for each size.

    An image (`jpg`, `png`, `webp`) is a clip of one frame. Memory: the bytes, the frames that the decoder
    holds, and what is returned; one decoded frame at a time besides.

    Raises:
        DecodeError: the bytes are no such media, do not decode, or exceed a limit.
        ValueError: `media` is of no kind that is decoded.
        TypeError: `decoder` is no config of a decoder.
        RuntimeError: the decoder is not installed, or has no GPU.
        MemoryError: memory is short, also at a second try.
    """
    with _open(data, media_of(media), decoder) as source:
        chosen = [source.timeline.choose(view.frames) for view in views]
        wanted: dict[int, dict[Size, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for number, view in enumerate(views):
            for row, frame_number in enumerate(chosen[number].tolist()):
                wanted[frame_number][view.size].append((number, row))
        pixels: list[NDArray[np.uint8] | None] = [None] * len(views)
        scaler = Scaler(decoder.scaling, decoder.max_pixels)
        for frame_number, frame in source.frames(sorted(wanted)):
            for size, places in wanted[frame_number].items():
                with decoding("a frame cannot be converted"):
                    rgb = scaler.rgb(frame, size)
                for number, row in places:
                    pixels[number] = _put(pixels[number], rgb, row, len(chosen[number]))
        return [
            Frames(_made(array), source.timeline.times_s(numbers))
            for array, numbers in zip(pixels, chosen, strict=True)
        ]


def decode_frames(
    data: bytes,
    *,
    num_frames: int,
    size_px: int,
    sampling: Sampling,
    key: tuple[int, ...],
    media: str = "mp4",
    decoder: DecoderConfig = DEFAULT_DECODER,
) -> NDArray[np.uint8]:
    """One square view: RGB uint8 [num_frames, size_px, size_px, 3], of `UniformFrames` or, keyed by `key`,
    `SegmentFrames`.

    Raises:
        DecodeError: the bytes are no such media, do not decode, or exceed a limit.
        ValueError: `media` is of no kind that is decoded, or `sampling` neither of the two.
        TypeError: `decoder` is no config of a decoder.
        RuntimeError: the decoder is not installed, or has no GPU.
        MemoryError: memory is short, also at a second try.
    """
    if sampling not in get_args(Sampling):
        raise ValueError(f"sampling = {sampling!r}: it must be {' or '.join(get_args(Sampling))}")
    frames = UniformFrames(num_frames) if sampling == "uniform" else SegmentFrames(num_frames, key)
    (view,) = decode_views(data, [View(frames, Square(size_px))], media=media, decoder=decoder)
    return view.pixels


@bearing_shortage
def frame_times(data: bytes, *, media: str = "mp4") -> list[float]:
    """The presentation time of every frame that decodes, in seconds from the first. All are decoded.

    Raises:
        DecodeError: the bytes are no such media, do not decode, or exceed a limit.
        ValueError: `media` is of no kind that is decoded.
    """
    kind = media_of(media)
    if kind.is_image:
        with image(data, kind, DEFAULT_DECODER.max_pixels):
            return [0.0]
    with opened(data, kind, DEFAULT_DECODER.max_pixels) as container:
        stream = stream_of(container, kind, "video", DEFAULT_DECODER.max_pixels)
        with decoding("video does not decode"):
            pts = [frame.pts for frame in container.decode(stream)]
        if not pts or None in pts:
            raise DecodeError("video has no frame, or frames without a time")
        return [float((number - pts[0]) * stream.time_base) for number in pts]


def _open(data: bytes, media: Media, decoder: DecoderConfig) -> AbstractContextManager[VideoSource]:
    if not isinstance(decoder, PyavConfig | TorchcodecConfig | NvdecConfig):
        raise TypeError(
            f"decoder = {decoder!r}: give the config of a decoder, PyavConfig(), TorchcodecConfig() or "
            "NvdecConfig() of shards.reading.decode"
        )
    if media.is_image:
        return image(data, media, decoder.max_pixels)
    if isinstance(decoder, PyavConfig):
        return pyav_video(data, media, decoder)
    if isinstance(decoder, TorchcodecConfig):
        return torchcodec_video(data, media, decoder)
    return nvdec_video(data, media, decoder)


def _put(
    pixels: NDArray[np.uint8] | None, rgb: NDArray[np.uint8], row: int, num_frames: int
) -> NDArray[np.uint8]:
    if pixels is None:
        pixels = np.empty((num_frames, *rgb.shape), np.uint8)
    if pixels.shape[1:] != rgb.shape:
        raise DecodeError(f"frames of several sizes: {pixels.shape[2]} x {pixels.shape[1]}, then another")
    pixels[row] = rgb
    return pixels


def _made(pixels: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    assert pixels is not None, "every view has a frame"
    return pixels
