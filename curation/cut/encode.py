"""Encodes pictures that the sandbox decoded: pixels, not media, so in process."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.media.cutting import Colours, Size

_LIMITED_RANGE, _FULL_RANGE = 1, 2
_UNSPECIFIED = 2
_MATRICES = frozenset({1, 4, 5, 6, 7, 9})
"""Those that the sandbox scales in; pictures of any other come out in an unspecified one."""
_SQUARE = Fraction(1, 1)
_JPEG_QUALITY = "3"


class VideoWriter:
    """Writes one H.264 mp4: one thread, no B-frames, a keyframe every `gop_frames`, bit for bit the same for
    the same pictures.

    `time_base` is seconds per pts, `frames_per_s` the mean rate.
    """

    def __init__(
        self,
        path: Path,
        size_px: Size,
        *,
        crf: int,
        gop_frames: int,
        time_base: Fraction,
        frames_per_s: Fraction,
    ) -> None:
        self.path = path
        self._size_px = size_px
        self._time_base = time_base
        self._options = {
            "preset": "veryfast",
            "tune": "fastdecode",
            "crf": str(crf),
            "g": str(gop_frames),
            "keyint_min": str(gop_frames),
            "sc_threshold": "0",
            "bf": "0",
            "x264-params": "cpu-independent=1",
            "flags": "+bitexact",
            "threads": "1",
        }
        self._rate = frames_per_s.limit_denominator(1 << 16)
        self._media: Any = None
        self._stream: Any = None

    def add(self, planes: bytes, pts: int, colours: Colours) -> None:
        """Append a picture, YUV 4:2:0 of limited range, shown at `pts` from the start."""
        if self._media is None:
            self._open(colours)
        frame = _frame(planes, self._size_px, "yuv420p")
        frame.pts, frame.time_base = pts, self._time_base
        self._media.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file; there is none if nothing was added."""
        if self._media is not None:
            self._media.mux(self._stream.encode(None))
            self._media.close()
            self._media = self._stream = None

    def _open(self, colours: Colours) -> None:
        import av

        muxer = {
            "movflags": "+faststart",
            "fflags": "+bitexact",
            "video_track_timescale": str(self._time_base.denominator),
        }
        self._media = av.open(str(self.path), "w", format="mp4", options=muxer)
        self._stream = self._media.add_stream("libx264", rate=self._rate, options=self._options)
        self._stream.width, self._stream.height = self._size_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._time_base
        context = self._stream.codec_context
        context.time_base = self._time_base
        context.color_range = _LIMITED_RANGE
        context.colorspace = colours.matrix if colours.matrix in _MATRICES else _UNSPECIFIED
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        context.sample_aspect_ratio = _SQUARE


def jpeg(planes: bytes, size_px: Size) -> bytes:
    """A still, YUV 4:2:0 of full range and BT.601 (JFIF 1.02), as a JPEG file."""
    import av

    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height = size_px
    context.pix_fmt, context.time_base = "yuvj420p", Fraction(1, 1)
    context.color_range, context.sample_aspect_ratio = _FULL_RANGE, _SQUARE
    context.options = {"qmin": _JPEG_QUALITY, "qmax": _JPEG_QUALITY, "flags": "+bitexact", "threads": "1"}
    frame = _frame(planes, size_px, "yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def _frame(planes: bytes, size_px: Size, pixel_format: str) -> Any:
    import av
    import numpy as np

    width, height = size_px
    image = np.frombuffer(planes, np.uint8).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(image, format=pixel_format)
