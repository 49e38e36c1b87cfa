"""Video by PyAV, on the CPU or on an NVIDIA GPU: one walk over the packets, then no more decoding than the
frames asked for need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.reading.decode.config import NvdecConfig, PyavConfig, TorchcodecConfig
from shards.reading.decode.limits import MAX_DECODED_PIXELS, MAX_PACKETS
from shards.reading.decode.media import Media
from shards.reading.decode.opening import decoding, opened, stream_of
from shards.reading.decode.timeline import Timeline
from shards.reading.errors import DecodeError


@contextmanager
def pyav_video(
    data: bytes, media: Media, config: PyavConfig | NvdecConfig | TorchcodecConfig, hwaccel: Any = None
) -> Iterator[PyavVideo]:
    """A clip, closed at the end.

    Raises:
        DecodeError: the bytes are no such video, or exceed a limit.
    """
    with opened(data, media, config.max_pixels, hwaccel) as container:
        yield PyavVideo(container, stream_of(container, media, "video", config.max_pixels))


class PyavVideo:
    """The packets of a clip and their decoder. Packets are counted in the order they are decoded in, frames
    in that in which they are shown."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.stream_index = int(stream.index)
        self._codec = stream.codec_context
        self.is_on_gpu = bool(self._codec.is_hwaccel)
        self._packets = _packets(container, stream)
        self._pts = np.asarray([packet.pts for packet in self._packets], np.int64)
        self._keyframes = [number for number, packet in enumerate(self._packets) if packet.is_keyframe]
        visible = np.asarray([not packet.is_discard for packet in self._packets])
        shown = np.argsort(self._pts, kind="stable")
        self._shown: NDArray[np.int64] = shown[visible[shown]]
        if not self._shown.size:
            raise DecodeError("video has no frame that is shown")
        self.timeline = Timeline(self._pts[self._shown], stream.time_base)

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The wanted frames, each keyframe's group decoded only as far as needed."""
        number_of = {int(self.timeline.pts[number]): number for number in numbers}
        groups: dict[tuple[int, int], set[int]] = defaultdict(set)
        for number in numbers:
            groups[self._group(int(self._shown[number]))].add(int(self.timeline.pts[number]))
        budget = MAX_DECODED_PIXELS
        for (start, end), missing in sorted(groups.items()):
            for frame in self._decode(start, end):
                budget -= frame.width * frame.height
                if budget < 0:
                    raise DecodeError(
                        f"more than {MAX_DECODED_PIXELS} pixels to decode for {len(numbers)} frames"
                    )
                if frame.pts in missing:
                    missing.discard(frame.pts)
                    yield number_of[frame.pts], frame
                if not missing:
                    break
            if missing:
                raise DecodeError(f"the frame at tick {min(missing)} does not decode")
            self._codec.flush_buffers()

    def _group(self, packet: int) -> tuple[int, int]:
        """The packets to decode for one of them: from its keyframe to the next one. What is shown before its
        keyframe builds on the group before (open groups of pictures)."""
        keyframe = int(np.searchsorted(self._keyframes, packet, side="right")) - 1
        end = self._keyframes[keyframe + 1] if keyframe + 1 < len(self._keyframes) else len(self._packets)
        if keyframe and self._pts[packet] < self._pts[self._keyframes[keyframe]]:
            keyframe -= 1
        return self._keyframes[keyframe], end

    def _decode(self, start: int, end: int) -> Iterator[Any]:
        with decoding("video does not decode"):
            for packet in [*self._packets[start:end], None]:
                yield from self._codec.decode(packet)


def _packets(container: Any, stream: Any) -> list[Any]:
    packets: list[Any] = []
    with decoding("video is damaged"):
        for packet in container.demux(stream):
            if packet.pts is not None and packet.size:
                packets.append(packet)
            if len(packets) > MAX_PACKETS:
                raise DecodeError(f"more than {MAX_PACKETS} frames")
    if not packets or not packets[0].is_keyframe:
        raise DecodeError("video has no frame, or does not begin with a keyframe")
    return packets
