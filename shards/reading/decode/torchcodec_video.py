"""Video by torchcodec. Which frames there are is found by PyAV's walk over the packets, with its limits, so
that both decoders take the same ones; each frame's time is compared with that walk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from shards.reading.decode.config import TorchcodecConfig
from shards.reading.decode.media import Media
from shards.reading.decode.pyav_video import PyavVideo, pyav_video
from shards.reading.decode.timeline import TOLERANCE_S
from shards.reading.errors import DecodeError


class TorchcodecVideo:
    """A clip that torchcodec decodes, at its full size."""

    def __init__(self, decoder: Any, video: PyavVideo) -> None:
        self.timeline = video.timeline
        self._decoder = decoder

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The wanted frames, one at a time."""
        import av

        first_s = float(self.timeline.pts[0] * self.timeline.time_base)
        for number in numbers:
            try:
                frame = self._decoder.get_frame_at(number)
            except (RuntimeError, IndexError) as error:
                raise DecodeError(f"frame {number} does not decode: {error}") from error
            expected_s = float(self.timeline.pts[number] * self.timeline.time_base)
            if abs(frame.pts_seconds - expected_s) > TOLERANCE_S:
                raise DecodeError(
                    f"frame {number} is at {frame.pts_seconds - first_s:.4f} s for torchcodec, "
                    f"at {expected_s - first_s:.4f} s for PyAV"
                )
            yield number, av.VideoFrame.from_ndarray(frame.data.numpy(), format="rgb24")


@contextmanager
def torchcodec_video(data: bytes, media: Media, config: TorchcodecConfig) -> Iterator[TorchcodecVideo]:
    """A clip.

    Raises:
        DecodeError: the bytes are no such video, or exceed a limit.
        RuntimeError: torchcodec is not installed, or finds no FFmpeg.
    """
    video_decoder = load_torchcodec()
    # torchcodec guesses the demuxer, and would guess that of `media`: `opened` has seen its magic bytes.
    with pyav_video(data, media, config) as video:
        try:
            decoder = video_decoder(
                data, stream_index=video.stream_index, dimension_order="NHWC", device="cpu"
            )
        except (RuntimeError, ValueError) as error:
            raise DecodeError(f"not {media.name} for torchcodec: {error}") from error
        if len(decoder) != len(video.timeline.pts):
            raise DecodeError(f"{len(decoder)} frames for torchcodec, {len(video.timeline.pts)} for PyAV")
        yield TorchcodecVideo(decoder, video)


def load_torchcodec() -> Any:
    """Its `VideoDecoder`.

    Raises:
        RuntimeError: torchcodec is not installed, or finds no FFmpeg.
    """
    try:
        return import_module("torchcodec.decoders").VideoDecoder
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RuntimeError(
            f"decoder kind = torchcodec, but it cannot be loaded ({reason}). Install torchcodec for the "
            "installed torch and FFmpeg's shared libraries (Debian: `apt install ffmpeg`), or use pyav."
        ) from error
