"""Opens media with the demuxer forced and everything else shut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, cast

import av
from av.container import Flags, InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from curation.media.allowed import decoder_options, input_options
from curation.media.child import RefusedError


def open_media(path: str, container: str, limits: Mapping[str, Any]) -> InputContainer:
    """Open a file as `container` and nothing else.

    Raises:
        RefusedError: it cannot be opened, or has more streams than allowed.
    """
    options = input_options(container, limits["max_pixels"])
    try:
        media: InputContainer = av.open(
            f"file:{path}", format=container, options=options, metadata_errors="replace"
        )
    except av.error.MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        raise RefusedError("unreadable", f"cannot be opened as {container}: {text}; copy it again") from None
    media.flags &= ~cast(int, Flags.gen_pts.value)
    if len(media.streams) > limits["max_streams"]:
        raise RefusedError(
            "too_many_streams",
            f"has {len(media.streams)} streams, more than {limits['max_streams']}; "
            "raise curation.probe.limits.max_streams",
        )
    return media


def stream_of(media: InputContainer, index: int, kind: str) -> Stream:
    """A stream by index, the only one that is read from then on.

    Raises:
        RefusedError: there is no such stream, it has no clock, or no decoder.
    """
    if index >= len(media.streams) or media.streams[index].type != kind:
        raise RefusedError("unreadable", f"has no {kind} stream {index}")
    stream = media.streams[index]
    if stream.codec_context is None:
        raise RefusedError("unsupported_format", f"has {kind} in a format without a decoder; convert it")
    if not stream.time_base:
        raise RefusedError("unreadable", f"has a {kind} stream without a time base")
    for other in media.streams:
        other.discard = Discard.default if other is stream else Discard.all
    return stream


def time_base(stream: Stream) -> Fraction:
    """Seconds per pts unit of a stream that `stream_of` gave."""
    assert stream.time_base
    return stream.time_base


def prepare_decoder(stream: Stream, limits: Mapping[str, Any], threads: int = 1) -> None:
    """Bound a stream's decoder before its first packet. Only one thread gives the same frames of a damaged
    stream each time.

    Raises:
        RefusedError: the decoder is not on the list of those allowed.
    """
    context = stream.codec_context
    context.options = decoder_options(limits["max_pixels"])
    context.thread_count = threads
    context.thread_type = "FRAME" if threads > 1 else "SLICE"
    try:
        context.open(strict=False)
    except av.error.MemoryError:
        raise
    except av.FFmpegError as error:
        raise RefusedError(
            "unsupported_format",
            f"has {stream.type} in format '{context.codec.canonical_name}', which cannot be decoded here "
            f"({error.strerror}); convert it",
        ) from None


class PacketReader:
    """Packets of one stream; a read that fails ends it and is remembered.

    `seek` starts at a keyframe before a time.
    """

    def __init__(self, media: InputContainer, stream: Stream) -> None:
        self._media = media
        self._stream = stream
        self._peeked: list[Packet[Any]] = []
        self._packets = media.demux(stream)
        self.failure: str | None = None

    def __iter__(self) -> Iterator[Packet[Any]]:
        while self._peeked:
            yield self._peeked.pop()
        while (packet := self._next()) is not None:
            yield packet

    def seek(self, pts: int) -> bool:
        """Move to a keyframe whose pts is at or before `pts`; False, with the place unknown, if the demuxer
        finds none."""
        try:
            self._media.seek(pts, stream=self._stream, backward=True)
        except av.FFmpegError:
            return False
        self._packets = self._media.demux(self._stream)
        packet = self._next()
        if packet is None or not packet.is_keyframe or packet.pts is None or packet.pts > pts:
            return False
        self._peeked = [packet]
        return True

    def _next(self) -> Packet[Any] | None:
        try:
            return next(self._packets, None)
        except av.error.MemoryError:
            raise
        except av.FFmpegError as error:
            self.failure = error.strerror or type(error).__name__
            return None
