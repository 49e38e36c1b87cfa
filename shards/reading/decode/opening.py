"""Opening untrusted bytes with FFmpeg: the demuxer named, the decoders listed, the streams checked."""

from __future__ import annotations

import io
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from shards.reading.decode.limits import MAX_STREAMS
from shards.reading.decode.media import Media
from shards.reading.errors import DecodeError

P = ParamSpec("P")
T = TypeVar("T")
BUFFER_BYTES = 1 << 17
SPARE_BYTES = 256 << 20
"""What a decoder asks for at once for the largest frame, and some more."""


class OutOfMemoryError(MemoryError):
    """FFmpeg asked for memory and did not get it."""


def bearing_shortage(decode: Callable[P, T]) -> Callable[P, T]:
    """Decoding that takes no shortage of memory for damage, and no absurd claim for a shortage.

    A second try comes first: the shortage may be over. If memory fails again although there is enough for
    any sound frame, the bytes claim more than a sound file does, and that is a `DecodeError`; else the
    MemoryError is raised.
    """

    @wraps(decode)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return decode(*arguments, **options)
        except OutOfMemoryError:
            pass
        try:
            return decode(*arguments, **options)
        except OutOfMemoryError as error:
            if not has_memory(SPARE_BYTES):
                raise
            raise DecodeError(f"{error}: it claims more than there is memory for") from error

    return run


def has_memory(num_bytes: int) -> bool:
    """Whether so much could be had now."""
    try:
        mmap.mmap(-1, num_bytes).close()
    except (MemoryError, OSError):
        return False
    return True


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Whatever FFmpeg finds wrong in the bytes, as a `DecodeError`. Put around nothing but its calls.

    PyAV raises its own errors, and plain ones where it turns FFmpeg's values into Python's. Memory that could
    not be had is no fault of the bytes yet: that is an `OutOfMemoryError`.
    """
    import av

    try:
        yield
    except DecodeError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError(f"{what}: {error}") from error
    except (av.FFmpegError, ArithmeticError, ValueError) as error:
        raise DecodeError(f"{what}: {error}") from error


@contextmanager
def opened(data: bytes, media: Media, max_pixels: int, hwaccel: Any = None) -> Iterator[Any]:
    """A container over bytes, closed at the end.

    Raises:
        DecodeError: they are no such media.
    """
    import av

    if not media.begins_right(data):
        raise DecodeError(f"not {media.name}: it begins with {data[media.magic_at :][:8]!r}")
    options = {
        "codec_whitelist": media.decoders,
        "max_pixels": str(max_pixels),
        "max_streams": str(MAX_STREAMS),
        # Another file is never opened: the bytes are read through an object of Python's.
        "protocol_whitelist": "none",
    }
    with decoding(f"not {media.name}"):
        container = av.open(
            io.BytesIO(data), format=media.demuxer, metadata_errors="ignore", options=options,
            buffer_size=min(BUFFER_BYTES, max(len(data), 1)), hwaccel=hwaccel,
        )  # fmt: skip
    try:
        yield container
    finally:
        container.close()


def stream_of(container: Any, media: Media, kind: Literal["video", "audio"], max_pixels: int) -> Any:
    """The first stream of a kind (a picture attached to sound is no video), its decoder set up.

    Raises:
        DecodeError: there is none, its codec is none that may be decoded, or its frames are too large.
    """
    streams = container.streams.video if kind == "video" else container.streams.audio
    stream = next((each for each in streams if not _is_attached(each)), None)
    if stream is None:
        raise DecodeError(f"{media.name} without a stream of {kind} to decode")
    allowed = media.video if kind == "video" else media.audio
    codec = stream.codec_context
    name = "unknown" if codec is None else codec.codec.canonical_name
    if name not in allowed:
        raise DecodeError(f"{media.name} with codec {name}; {', '.join(sorted(allowed))} are decoded")
    if kind == "video":
        check_size(codec.width, codec.height, max_pixels)
        codec.options = {"max_pixels": str(max_pixels)}
    # Parallelism is across clips; a thread per clip costs more than it brings.
    codec.thread_count = 1
    return stream


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Whether a frame may be decoded.

    Raises:
        DecodeError: it is empty or too large.
    """
    if not 0 < width * height <= max_pixels:
        raise DecodeError(f"frames of {width} x {height}, limit {max_pixels} pixels")


def _is_attached(stream: Any) -> bool:
    from av.stream import Disposition

    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)
