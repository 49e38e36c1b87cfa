"""The kinds of scenes by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from curation.detect.learning.scenes import cartoon, effects, filmed, ground, pages, screens
from curation.detect.learning.scenes.canvas import Bytes, Floats, Rng
from curation.detect.learning.scenes.look import Look


@dataclass(frozen=True)
class Kind:
    """`frames` draws [108, 192, 3] frames for (rng, look, number, fps); `mood` is that of its look, None if
    any will do."""

    frames: Callable[[Rng, Look, int, float], Iterator[Floats] | Iterator[Bytes]]
    mood: str | None = None


DRAWN: Mapping[str, Kind] = {
    "view": Kind(filmed.view_scene),
    "people": Kind(filmed.people_scene),
    "talking": Kind(filmed.talking_scene),
    "still": Kind(filmed.still_scene),
    "surveillance": Kind(filmed.surveillance_scene),
    "action": Kind(filmed.action_scene),
    "night": Kind(filmed.people_scene, "dark"),
    "fog": Kind(filmed.people_scene, "fog"),
    "snow": Kind(filmed.people_scene, "bright"),
    "slide": Kind(pages.slide_scene),
    "lecture": Kind(pages.lecture_scene),
    "title": Kind(pages.title_scene),
    "credits": Kind(pages.credits_scene),
    "board": Kind(pages.board_scene),
    "window": Kind(screens.window_scene),
    "typing": Kind(screens.typing_scene),
    "cartoon": Kind(cartoon.cartoon_scene, "vivid"),
    "driving": Kind(ground.driving_scene),
    "sport": Kind(ground.sport_scene),
    "shooter": Kind(ground.shooter_scene),
    "platform": Kind(ground.platform_scene, "vivid"),
    "particles": Kind(effects.particle_scene),
    "fire": Kind(effects.fire_scene),
    "explosion": Kind(effects.explosion_scene),
    "water": Kind(effects.water_scene),
    "stage": Kind(effects.stage_scene, "dark"),
    "pattern": Kind(effects.pattern_scene),
    "timelapse": Kind(effects.timelapse_scene),
}
