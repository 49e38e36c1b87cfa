"""Procedural scenes: of the right shape, repeatable, varied, and without a cut."""

from __future__ import annotations

import numpy as np
import pytest

from curation.detect.learning.pool import Frames
from curation.detect.learning.procedural import KINDS, render_scene
from curation.detect.learning.scenes.canvas import Floats, Rng, reduced, smooth_noise
from curation.detect.learning.scenes.finish import finished
from curation.detect.learning.scenes.kinds import DRAWN
from curation.detect.learning.scenes.look import draw_look, hsv
from curation.detect.learning.scenes.textures import fractal_noise

STROBING = {"stage", "explosion", "pattern", "window"}
"""Kinds whose light or content flashes, which is no transition."""


def scene(kind: str, seed: int, num: int = 12, look_seed: int | None = None) -> Frames:
    return render_scene(kind, np.random.default_rng(seed), num, 25.0, look_seed=look_seed)


def rng(seed: int = 0) -> Rng:
    return np.random.default_rng(seed)


def steps(frames: Frames | Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean difference between neighbouring frames, 0..255."""
    return np.asarray(np.abs(np.diff(frames.astype(float), axis=0)).mean(axis=(1, 2, 3)))


def test_every_kind_has_a_weight() -> None:
    assert set(KINDS) == set(DRAWN)
    assert all(weight > 0 for weight in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_is_small_frames_and_repeatable(kind: str) -> None:
    for seed in range(2):
        frames = scene(kind, seed)
        assert frames.shape == (12, 27, 48, 3)
        assert frames.dtype == np.uint8
        assert np.array_equal(frames, scene(kind, seed))
    assert not np.array_equal(scene(kind, 1), scene(kind, 0))


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'western'.*people.*slide"):
        scene("western", 0)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - STROBING))
def test_frames_as_drawn_have_no_cut(kind: str) -> None:
    """No step between frames is both large and far above those around it, as that of a cut is."""
    for seed in range(2):
        draws = rng(seed)
        drawn = DRAWN[kind].frames(draws, draw_look(draws, DRAWN[kind].mood), 30, 25.0)
        step = steps(np.stack([reduced(frame) for frame in drawn]))
        around = np.maximum(np.roll(step, 1), np.roll(step, -1))[1:-1]
        assert not np.any((step[1:-1] > 25) & (step[1:-1] > 5 * around)), (seed, step.round(1))


def test_a_look_gives_shots_the_same_colours() -> None:
    """Histograms of the shots of a look are more alike than those of different looks."""

    def histogram(frames: Frames) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        levels = frames[::8].reshape(-1, 3).astype(int) >> 5
        counts = np.bincount(levels @ (64, 8, 1), minlength=512)
        return np.asarray(counts / np.linalg.norm(counts))

    shots = {
        look: [histogram(scene("people", seed, look_seed=look)) for seed in range(4)] for look in range(6)
    }
    same = [a @ b for group in shots.values() for k, a in enumerate(group) for b in group[:k]]
    other = [a @ b for p in shots for q in shots if p < q for a in shots[p] for b in shots[q]]
    assert np.mean(same) > np.mean(other) + 0.2


def test_scenes_are_as_varied_as_footage() -> None:
    """Brightness, contrast, detail and motion span what ordinary footage spans at this size."""
    kinds = ("view", "people", "talking", "action", "night", "snow", "slide", "cartoon", "sport", "still")
    shots = [scene(kind, seed, 12) for kind in kinds for seed in range(3)]
    brightness = [frames.mean() for frames in shots]
    detail = [np.abs(np.diff(frames.astype(float), axis=2)).mean() for frames in shots]
    motion = [np.median(steps(frames)) for frames in shots]
    assert np.percentile(brightness, 5) < 45
    assert np.percentile(brightness, 95) > 150
    assert 5 < np.median(detail) < 20
    assert np.percentile(motion, 15) < 1.5
    assert np.percentile(motion, 90) > 6


def test_motion_is_by_the_second() -> None:
    """At 60 frames per second a pan moves less from frame to frame than at 12."""

    def median_step(fps: float) -> float:
        found = []
        for seed in range(8):
            draws = rng(seed)
            drawn = [*DRAWN["view"].frames(draws, draw_look(draws), 20, fps)]
            found.append(np.abs(np.diff(np.stack(drawn).astype(float), axis=0)).mean())
        return float(np.mean(found))

    assert median_step(12.0) > 1.5 * median_step(60.0)


def test_the_finish_of_a_film_is_in_all_its_shots() -> None:
    """Bars that a film has are black in every shot of it, and in no shot of a film without."""
    flat = np.full((20, 27, 48, 3), 200, np.float32)
    barred = 0
    for film in range(40):
        dark = {
            bool(finished(flat.copy(), rng(film), rng(1000 + shot), 25.0)[:, 0, 0].mean() < 40)
            for shot in range(3)
        }
        assert len(dark) == 1
        barred += dark == {True}
    assert 3 <= barred <= 20


def test_noise_has_the_spectrum_asked_for() -> None:
    field = fractal_noise(rng(), 256, 256, exponent=1.5)
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    bands = [power[(radius > low) & (radius < 1.3 * low)].mean() for low in (0.02, 0.08, 0.32)]
    slopes = np.diff(np.log(bands)) / np.log(4)
    assert slopes == pytest.approx([-3, -3], abs=0.6)
    assert 0 <= field.min() < 0.1 < 0.9 < field.max() <= 1


def test_hues_are_those_of_the_colour_circle() -> None:
    assert hsv(0.0, 1.0, 1.0) == pytest.approx([255, 0, 0])
    assert hsv(1 / 3, 1.0, 1.0) == pytest.approx([0, 255, 0], abs=1e-3)
    assert hsv(2 / 3, 1.0, 0.5) == pytest.approx([0, 0, 127.5], abs=1e-3)
    assert hsv(0.4, 0.0, 0.6) == pytest.approx([153, 153, 153])


def test_wandering_numbers_are_smooth() -> None:
    values = smooth_noise(rng(), 1000, 50.0)
    assert np.abs(np.diff(values)).max() < 0.12
    assert 0.2 < values.std() < 0.9
