"""Frames of a clip small enough to stand in the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from curation.base.media_store import MediaRef
from curation.records import CutClip, Frame
from pipelines.report.data import Thumbnail

ReadMedia = Callable[[MediaRef], bytes]

PER_CLIP = 3
MAX_WIDTH_PX = 240
MAX_HEIGHT_PX = 180
JPEG_QUALITY = 74


def thumbnails(clip: CutClip, read_media: ReadMedia, most: int = PER_CLIP) -> Iterator[Thumbnail]:
    """Some frames, evenly over the clip; those that are gone or do not decode are left out."""
    count = len(clip.frames)
    places = sorted({int((i + 0.5) * count / most) for i in range(most)}) if count else []
    for place in places:
        thumbnail = _thumbnail(clip.frames[place], read_media)
        if thumbnail is not None:
            yield thumbnail


def _thumbnail(frame: Frame, read_media: ReadMedia) -> Thumbnail | None:
    import cv2
    import numpy as np

    try:
        data = read_media(frame.media)
    except (OSError, EOFError, ValueError):
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(MAX_WIDTH_PX / width, MAX_HEIGHT_PX / height, 1.0)
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, small_size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return Thumbnail(
        uri=f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}",
        width_px=small_size[0],
        height_px=small_size[1],
        time_s=frame.time_s,
    )
