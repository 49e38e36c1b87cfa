"""What is in each film."""

from __future__ import annotations

from examples.footage.canvas import View
from examples.footage.film import CUT, STILL, Film, Line, Shot, Transition
from examples.footage.scenes.aurora import Aurora
from examples.footage.scenes.balloon_hills import BalloonHills
from examples.footage.scenes.bouncing_balls import BouncingBalls
from examples.footage.scenes.dunes import Dunes
from examples.footage.scenes.fireworks import Fireworks
from examples.footage.scenes.gears import Gears
from examples.footage.scenes.mountains import Mountains
from examples.footage.scenes.rain_forest import RainForest
from examples.footage.scenes.rainy_window import RainyWindow
from examples.footage.scenes.reef import Reef
from examples.footage.scenes.sea import Sea
from examples.footage.scenes.skyline import Skyline
from examples.footage.scenes.snow_village import SnowVillage
from examples.footage.scenes.star_flight import StarFlight
from examples.footage.scenes.toy_train import ToyTrain
from examples.footage.sound import Stereo, arpeggio, drums, pad, rain, silent_from, wind
from examples.footage.texture import Random
from examples.footage.titles import Title

C_MAJOR, A_MINOR, F_MAJOR, G_MAJOR = (48, 55, 64, 72), (45, 57, 60, 64), (41, 57, 60, 65), (43, 59, 62, 67)


def _dawn_sound(random: Random, duration_s: float) -> Stereo:
    return pad((C_MAJOR, G_MAJOR, A_MINOR, F_MAJOR), duration_s)


def _city_sound(random: Random, duration_s: float) -> Stereo:
    return arpeggio((57, 60, 64, 69, 72, 69, 64, 60), 96, duration_s)


def _workshop_sound(random: Random, duration_s: float) -> Stereo:
    bass = arpeggio((36, 36, 43, 41), 120, duration_s)
    return 0.9 * drums(random, 120, duration_s) + 0.8 * bass


def _weather_sound(random: Random, duration_s: float) -> Stereo:
    rain_s, snow_s = 4.4, 8.4
    sound = wind(random, duration_s)
    fall = rain(random, duration_s)
    return silent_from(sound, snow_s) * 0.8 + silent_from(fall, rain_s)


DAWN = Film(
    name="dawn.mp4",
    fps=30,
    shots=(
        Shot(Sea, 4.0, View(-60, -30), View(60, 40), Title("THE COAST AT DAWN", "a film about the morning")),
        Shot(Mountains, 3.8, View(-150), View(150)),
        Shot(BalloonHills, 4.2, View(0, 0, 1.0), View(0, -10, 1.25)),
    ),
    joins=(CUT, Transition("dissolve", 24)),
    sound=_dawn_sound,
    speaker="clear",
    narration=(
        Line(1.0, "The river runs down to the sea."),
        Line(4.6, "The sun is rising over the mountains."),
        Line(9.2, "It will be a beautiful day."),
    ),
)

CITY = Film(
    name="city.mp4",
    fps=24,
    shots=(
        Shot(Skyline, 4.2, View(-160), View(160)),
        Shot(Fireworks, 3.8, STILL, View(0, 0, 1.15)),
        Shot(RainyWindow, 4.0, STILL, View(40, 0, 1.08), Title("LATE AT NIGHT", "rain in the city", y=0.16)),
    ),
    joins=(CUT, Transition("fade", 20)),
    sound=_city_sound,
    speaker="warm",
    narration=(
        Line(0.9, "The city never sleeps at night."),
        Line(9.6, "The rain is falling on the window."),
    ),
    fade_in=16,
    fade_out=16,
)

WORKSHOP = Film(
    name="workshop.mkv",
    fps=25,
    shots=(
        Shot(Gears, 3.6, title=Title("IN THE WORKSHOP", "everything that turns", y=0.5)),
        Shot(BouncingBalls, 3.2, STILL, View(0, 0, 1.12)),
        Shot(ToyTrain, 4.6, View(-40), View(110)),
        Shot(Gears, 2.6, View(-20, 10, 1.5), View(140, -30, 1.5)),
    ),
    joins=(CUT, CUT, CUT),
    sound=_workshop_sound,
    speaker="warm",
    narration=(Line(7.4, "The wheels turn and the train moves on."),),
)

WEATHER = Film(
    name="weather.mp4",
    fps=25,
    shots=(
        Shot(RainForest, 4.0, View(-60), View(60)),
        Shot(SnowVillage, 4.0, View(0, 0, 1.2), View(0, 0, 1.0)),
        Shot(Reef, 4.2, View(-40, -20), View(60, 20, 1.1)),
    ),
    joins=(Transition("dissolve", 20), CUT),
    sound=_weather_sound,
    speaker="clear",
    narration=(Line(5.4, "The children play in the snow."),),
    hard_negatives=((59, 66, "lightning"),),
)

SKIES = Film(
    name="skies.mp4",
    fps=30,
    shots=(
        Shot(StarFlight, 3.6, STILL, View(0, 0, 1.15), Title("SKIES", "recorded without sound", y=0.5)),
        Shot(Aurora, 4.4, View(-120), View(120), fps=20),
        Shot(Dunes, 3.8, View(-200), View(200)),
    ),
    joins=(CUT, CUT),
)

FILMS = (DAWN, CITY, WORKSHOP, WEATHER, SKIES)
