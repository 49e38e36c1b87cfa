"""Members to arrays: video, sound and images. Untrusted bytes meet limits first, and a `DecodeError`."""

from shards.reading.decode.audio import Sound, decode_audio
from shards.reading.decode.config import DecoderConfig, NvdecConfig, PyavConfig, TorchcodecConfig
from shards.reading.decode.media import MEDIA
from shards.reading.decode.video import decode_frames, decode_views, frame_times
from shards.reading.decode.views import (
    FrameChoice,
    Frames,
    FramesAt,
    FramesAtRate,
    SegmentFrames,
    ShortSide,
    Size,
    Square,
    UniformFrames,
    View,
)

__all__ = [
    "MEDIA",
    "DecoderConfig",
    "FrameChoice",
    "Frames",
    "FramesAt",
    "FramesAtRate",
    "NvdecConfig",
    "PyavConfig",
    "SegmentFrames",
    "ShortSide",
    "Size",
    "Sound",
    "Square",
    "TorchcodecConfig",
    "UniformFrames",
    "View",
    "decode_audio",
    "decode_frames",
    "decode_views",
    "frame_times",
]
