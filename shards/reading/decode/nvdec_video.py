"""Video by the decoder of an NVIDIA GPU. The frames asked for come to the host as they are and are scaled
there, so that they are those of the CPU's decoder, to the last bit or so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from shards.reading.decode.config import NvdecConfig
from shards.reading.decode.media import Media
from shards.reading.decode.opening import decoding
from shards.reading.decode.pyav_video import PyavVideo, pyav_video
from shards.reading.errors import DecodeError


class NvdecVideo:
    """A clip that a GPU decodes.

    Raises:
        DecodeError: its codec is none of the GPU's.
    """

    def __init__(self, video: PyavVideo) -> None:
        if not video.is_on_gpu:
            raise DecodeError("the GPU does not decode this codec; use decoder kind = pyav for it")
        self.timeline = video.timeline
        self._video = video

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The wanted frames, in the memory of the host."""
        for number, frame in self._video.frames(numbers):
            with decoding("a frame does not leave the GPU"):
                yield number, frame.reformat(format=frame.sw_format.name)


@contextmanager
def nvdec_video(data: bytes, media: Media, config: NvdecConfig) -> Iterator[NvdecVideo]:
    """A clip, closed at the end.

    Raises:
        DecodeError: the bytes are no such video, exceed a limit, or are of a codec that is none of the GPU's.
        RuntimeError: PyAV was built without CUDA, or there is no such GPU.
    """
    with pyav_video(data, media, config, accelerator(config.device)) as video:
        yield NvdecVideo(video)


def accelerator(device: int) -> Any:
    """A GPU for `av.open`.

    Raises:
        RuntimeError: PyAV was built without CUDA, or there is no such GPU.
    """
    return _accelerator(device)[0]


@cache
def _accelerator(device: int) -> tuple[Any, Any]:
    """With an open context: those of all clips share what it holds on the GPU, as long as it is there."""
    import av
    from av.codec.hwaccel import HWAccel, hwdevices_available

    if "cuda" not in hwdevices_available():
        raise RuntimeError(
            "decoder kind = nvdec, but this PyAV was built without CUDA; "
            f"it has {', '.join(hwdevices_available()) or 'nothing'}. Use kind = pyav, or another build."
        )
    options: dict[str, object] = {"primary_ctx": "1"}
    found = HWAccel(
        "cuda", device=str(device), allow_software_fallback=False, options=options, is_hw_owned=True
    )
    try:
        return found, found.create(av.Codec("h264", "r"))
    except (av.FFmpegError, RuntimeError) as error:
        raise RuntimeError(
            f"decoder kind = nvdec, device = {device}: no such GPU can be used ({error}). "
            "Use kind = pyav, or install the NVIDIA driver."
        ) from error
