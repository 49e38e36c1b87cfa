"""Slides and cards of text, made up: shots that stand still and differ by their words only."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.pixels import colour, rounded, smooth_noise
from curation.detect.pictures import Floats

HEIGHT_PX, WIDTH_PX = 27, 48


class SlideDeck:
    """A source of slides that share a background, an ink and a place for the title.

    Within a slide a pointer may wander and lines of text may appear one by one: neither is a
    transition. Shots are numbered from 0; all are of one scene.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        light = rng.random() < 0.65
        self._paper = np.full(3, 255.0 if light else 0.0, np.float32)
        if rng.random() < 0.5:
            self._paper = colour(rng) * 0.25 + (185 if light else 0)
        self._ink = colour(rng) * 0.4 + (0 if light else 153)
        self._background = np.broadcast_to(self._paper, (HEIGHT_PX, WIDTH_PX, 3))
        if rng.random() < 0.3:
            shade = smooth_noise(rng, HEIGHT_PX, WIDTH_PX, 2)[..., None] - 0.5
            self._background = self._background + shade * np.float32(rng.uniform(10, 60))
        self._band_px = int(rng.integers(0, 6)) if rng.random() < 0.4 else 0
        self._band = colour(rng)
        self._left = int(rng.integers(2, 10))
        self._centred = rng.random() < 0.25
        # Letters are thinner than a pixel here, so even black ink is grey.
        self._blackness = rng.uniform(0.2, 0.9)
        self._number = -1

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[Frames, int]:
        """The next slide, for so many frames."""
        self._number += 1
        page = self._background.copy()
        page[: self._band_px] = self._band
        lines = self._lines(rng)
        builds = rng.random() < 0.25
        shown_from = np.sort(rng.integers(0, num_frames, len(lines))) * builds
        if builds:
            shown_from[: len(lines) // 2] = 0
        result = np.empty((num_frames, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        start = 0
        for frame, (top, left, letters) in sorted(zip(shown_from, lines, strict=True), key=lambda x: x[0]):
            result[start:frame] = rounded(page.copy())
            start = max(start, int(frame))
            under = page[top : top + letters.shape[0], left : left + letters.shape[1]]
            under += (self._ink - under) * letters[..., None]
        if rng.random() < 0.25:
            self._add_picture(rng, page)
        result[start:] = rounded(page)
        if rng.random() < 0.2:
            _add_pointer(rng, result)
        return result, self._number

    def _lines(self, rng: np.random.Generator) -> list[tuple[int, int, Floats]]:
        """(top, left, ink [rows, columns] in 0..1) of the title and of each line."""
        lines = []
        top = self._band_px + int(rng.integers(1, 5 if not self._centred else 12))
        for index in range(int(rng.integers(1, 9))):
            tall = 2 if index else int(rng.integers(2, 5))
            if top + tall > HEIGHT_PX:
                break
            left = self._left
            wide = int(rng.integers(6, WIDTH_PX - left - 1))
            if self._centred:
                left = (WIDTH_PX - wide) // 2
            # Words of some pixels' width with gaps between them, letters a share of a pixel each.
            words = rng.random(wide) < 0.82
            rows = 1 if tall == 2 else tall
            letters = rng.uniform(0.4, 1, (rows, wide)) * words * self._blackness
            lines.append((top, left, letters.astype(np.float32)))
            top += tall + int(rng.integers(0, 3))
        return lines

    def _add_picture(self, rng: np.random.Generator, page: Floats) -> None:
        tall, wide = int(rng.integers(8, 18)), int(rng.integers(8, 22))
        top = int(rng.integers(self._band_px, HEIGHT_PX - tall + 1))
        left = int(rng.integers(WIDTH_PX // 2 - 4, WIDTH_PX - wide + 1))
        field = smooth_noise(rng, tall, wide, int(rng.integers(2, 8)))[..., None]
        page[top : top + tall, left : left + wide] = colour(rng) * field + colour(rng) * (1 - field)


def _add_pointer(rng: np.random.Generator, frames: Frames) -> None:
    steps = rng.normal(0, 0.8, (len(frames), 2)).cumsum(0) + np.array([HEIGHT_PX / 2, WIDTH_PX / 2])
    for frame, (y, x) in zip(frames, np.abs(steps).astype(int), strict=True):
        frame[y % HEIGHT_PX, x % WIDTH_PX] = (220, 30, 30)
