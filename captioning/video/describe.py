"""Everything the measured video captioner says of a clip, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2

from captioning.facts import fact
from captioning.records import Segment
from captioning.video.activity import activity_facts
from captioning.video.camera import camera_facts
from captioning.video.colours import ColourNames
from captioning.video.flow import Step, step_between
from captioning.video.light import Light, light_facts, light_of
from captioning.video.sharpness import sharpness_facts
from captioning.video.text import text_facts
from curation.filters.measures.pictures import Image, shrunk, still_picture
from curation.filters.measures.text_rows import text_rows

STEP_S = 0.1
"""Time between the pictures that motion and light are measured on."""
_MOTION_SHORT_SIDE_PX = 144


class VideoFacts:
    """Measures clips; OpenCV runs on one thread, in the caller's."""

    def __init__(self) -> None:
        self._colours = ColourNames()

    def __call__(
        self,
        duration_s: float,
        lapse: Iterable[tuple[float, Image]],
        stills: Sequence[tuple[float, bytes]],
    ) -> list[Segment]:
        """Sentences on a clip from a time-lapse (seconds, luma 0..255; `STEP_S` apart) and its kept frames
        (seconds, JPEG) of the source."""
        cv2.setNumThreads(1)
        lights, steps = _time_lapse(lapse)
        pictures = [(time_s, still_picture(jpeg)) for time_s, jpeg in stills]
        shown = [picture for _, picture in pictures]
        rows = [(time_s, text_rows(picture)) for time_s, picture in pictures]
        return [
            fact(0, duration_s, f"The clip lasts {duration_s:.1f} s.", 1.0),
            *camera_facts(steps, duration_s),
            *activity_facts(steps, duration_s),
            *light_facts(lights, duration_s),
            *self._colours.facts(shown, duration_s),
            *sharpness_facts(shown, duration_s),
            *text_facts(rows, duration_s),
        ]


def _time_lapse(lapse: Iterable[tuple[float, Image]]) -> tuple[list[Light], list[Step]]:
    """Light of each picture and what happened between each two."""
    lights: list[Light] = []
    steps: list[Step] = []
    before = None
    for time_s, luma in lapse:
        picture = shrunk(luma, _MOTION_SHORT_SIDE_PX)
        lights.append(light_of(time_s, picture))
        if before is not None:
            steps.append(step_between(*before, time_s, picture))
        before = (time_s, picture)
    return lights, steps
