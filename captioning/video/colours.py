"""Dominant colours by name, with the share of the picture they cover."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact, percent
from captioning.records import Segment
from curation.filters.measures.pictures import Image

SHORT_SIDE_PX = 48
MIN_SHARE = 0.15
MAX_NAMES = 3
AMOUNTS = ((0.999, "entirely "), (0.95, "almost entirely "), (0.5, "mostly "))
CONFIDENCE = 0.8
"""The shares are exact, where one name ends and the next begins is a matter of taste."""

NAMED_COLOURS: Sequence[tuple[str, tuple[tuple[int, int, int], ...]]] = (
    ("black", ((0, 0, 0), (18, 18, 18))),
    ("dark grey", ((55, 55, 55), (80, 80, 80))),
    ("grey", ((115, 115, 115), (145, 145, 145))),
    ("light grey", ((180, 180, 180), (210, 210, 210))),
    ("white", ((255, 255, 255), (238, 238, 238))),
    ("red", ((255, 0, 0), (210, 40, 40), (165, 25, 30))),
    ("dark red", ((110, 0, 0), (80, 15, 15))),
    ("orange", ((255, 140, 0), (235, 115, 45), (210, 120, 50))),
    ("brown", ((139, 80, 40), (110, 75, 50), (75, 50, 30), (55, 35, 20))),
    ("beige", ((225, 200, 165), (200, 170, 135), (170, 145, 115), (240, 225, 200))),
    ("yellow", ((255, 255, 0), (240, 210, 50), (215, 190, 90))),
    ("olive", ((128, 128, 0), (105, 105, 55), (75, 78, 40))),
    ("green", ((0, 200, 0), (60, 160, 60), (100, 150, 80), (140, 200, 100))),
    ("dark green", ((0, 90, 0), (30, 70, 35), (45, 60, 40))),
    ("turquoise", ((0, 255, 255), (60, 200, 200), (40, 150, 150), (20, 100, 100))),
    ("light blue", ((150, 200, 240), (110, 170, 220), (175, 205, 225))),
    ("blue", ((0, 0, 255), (30, 90, 200), (60, 110, 170), (85, 115, 150))),
    ("dark blue", ((0, 0, 120), (20, 30, 80), (35, 50, 80), (20, 30, 48))),
    ("purple", ((128, 0, 128), (110, 60, 150), (75, 40, 90), (160, 110, 190))),
    ("pink", ((255, 105, 180), (240, 160, 190), (220, 120, 150), (250, 210, 215), (255, 0, 255))),
)
"""Examples in sRGB of each name; a pixel takes the name of the nearest example in CIELAB."""


class ColourNames:
    """Names the colours of pictures; one per captioner."""

    def __init__(self) -> None:
        examples = [(name, rgb) for name, shades in NAMED_COLOURS for rgb in shades]
        self._names = [name for name, _ in NAMED_COLOURS]
        self._example_name = np.array([self._names.index(name) for name, _ in examples])
        table = np.array([[rgb[::-1] for _, rgb in examples]], np.uint8)
        self._examples = _lab(table)

    def shares(self, picture: Image) -> NDArray[np.float64]:
        """Share of a BGR picture under each name, in the order of `NAMED_COLOURS`."""
        height, width = picture.shape[:2]
        scale = min(1.0, SHORT_SIDE_PX / min(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = _lab(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        distances = ((pixels[:, None, :] - self._examples[None, :, :]) ** 2).sum(axis=2)
        names = self._example_name[distances.argmin(axis=1)]
        return np.bincount(names, minlength=len(self._names)) / len(names)

    def facts(self, pictures: Sequence[Image], duration_s: float) -> list[Segment]:
        """One sentence on the colours that cover most of the pictures, on average."""
        if not pictures:
            return []
        shares = np.mean([self.shares(picture) for picture in pictures], axis=0)
        order = np.argsort(-shares, kind="stable")[:MAX_NAMES]
        named = [f"{self._names[index]} ({percent(shares[index])})" for index in order]
        large = [name for name, index in zip(named, order, strict=True) if shares[index] >= MIN_SHARE]
        if not large:
            text = "The picture has many colours, none of which prevails."
        else:
            listed = large[0] if len(large) == 1 else ", ".join(large[:-1]) + " and " + large[-1]
            how_much = next((words for share, words in AMOUNTS if shares[order[0]] >= share), "partly ")
            text = f"The picture is {how_much}{listed}."
        return [fact(0, duration_s, text, CONFIDENCE)]


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The pixels (N, 3) of a BGR picture in CIELAB."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    return np.asarray(lab.reshape(-1, 3), np.float32)
