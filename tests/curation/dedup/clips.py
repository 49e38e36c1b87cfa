"""Clips of which only what duplicates are found by is filled in, as records and as bytes."""

from __future__ import annotations

import dataclasses
import io
import types
import typing
from collections.abc import Sequence
from typing import Any

import av
import cv2
import numpy as np

from curation.base.media_store import MediaRef
from curation.base.workspace import Workspace
from curation.records import Clip, Frame


def a_clip(clip_id: str, **known: Any) -> Clip:
    """A clip of a source of its own; fields that are not given have the empty value of their type."""
    hints = typing.get_type_hints(Clip)
    names = [field.name for field in dataclasses.fields(Clip)]
    given = {"clip_id": clip_id, "video_id": f"source of {clip_id}"} | known
    return Clip(**{name: _empty(hints[name]) for name in names} | given)


def _empty(annotation: Any) -> Any:
    if annotation is MediaRef:
        return MediaRef(form="mp4", sha256="0", size_bytes=0, path="p", offset=0)
    if isinstance(annotation, types.UnionType):
        return None
    return (typing.get_origin(annotation) or annotation)()


def clip_of_frames(
    workspace: Workspace, frames: Sequence[np.ndarray], clip_id: str, *, fps: int = 10, crf: int = 23
) -> Clip:
    """A clip of RGB pictures, encoded; its kept frames are the first and the last."""
    stored = clip_of_bytes(workspace, encode(frames, fps, crf), clip_id, len(frames) / fps)
    kept = []
    with workspace.media.new_tar("test") as tar:
        for number in (0, len(frames) - 1):
            written, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frames[number], cv2.COLOR_RGB2BGR))
            assert written
            media = tar.add(f"{number}.jpg", f"frame_{number:03d}", jpeg.tobytes())
            height, width = frames[number].shape[:2]
            kept.append(Frame(time_s=number / fps, width_px=width, height_px=height, media=media))
    return dataclasses.replace(stored, frames=tuple(kept))


def clip_of_bytes(workspace: Workspace, mp4: bytes, clip_id: str, duration_s: float) -> Clip:
    """A clip of an encoded form."""
    with workspace.media.new_tar("test") as tar:
        video = tar.add("clip.mp4", "mp4", mp4)
    return a_clip(clip_id, video=video, mode="exact", duration_s=duration_s)


def encode(frames: Sequence[np.ndarray], fps: int = 10, crf: int = 23) -> bytes:
    """An mp4 of RGB pictures whose sides are even, a keyframe every half second."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast", "g": str(max(1, fps // 2)), "bf": "0"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()
