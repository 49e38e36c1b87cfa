"""Everything the measured video captioner says of a clip, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from captioning.facts import fact
from captioning.records import Segment
from captioning.video.activity import activity_facts
from captioning.video.camera import camera_facts
from captioning.video.colours import ColourNames
from captioning.video.flow import Step, step_between
from captioning.video.frames import luma_pictures
from captioning.video.light import Light, light_facts, light_of
from captioning.video.sharpness import sharpness_facts
from captioning.video.text import text_facts
from curation.filters.measures.pictures import still_picture
from curation.filters.measures.text_rows import text_rows


class VideoFacts:
    """Measures clips; OpenCV runs on one thread, in the caller's."""

    def __init__(self) -> None:
        self._colours = ColourNames()

    def __call__(self, duration_s: float, mp4: bytes, stills: Sequence[tuple[float, bytes]]) -> list[Segment]:
        """Sentences on a clip from its small form and its kept frames (seconds, JPEG) of the source."""
        cv2.setNumThreads(1)
        lights, steps = _time_lapse(mp4)
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


def _time_lapse(mp4: bytes) -> tuple[list[Light], list[Step]]:
    """Light of each picture and what happened between each two."""
    lights: list[Light] = []
    steps: list[Step] = []
    before = None
    for time_s, picture in luma_pictures(mp4):
        lights.append(light_of(time_s, picture))
        if before is not None:
            steps.append(step_between(*before, time_s, picture))
        before = (time_s, picture)
    return lights, steps
