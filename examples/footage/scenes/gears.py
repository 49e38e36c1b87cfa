"""Meshing gears."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, Layer, View, place
from examples.footage.drawing import circle, polygon, tint
from examples.footage.texture import Random, blend, fractal, halo


class Gears:
    """Meshing brass and steel gears on a wooden board."""

    MODULE_PX = 9.0
    """Pitch diameter per tooth."""

    def __init__(self, random: Random) -> None:
        size = (HEIGHT + 120, WIDTH + 200)
        grain = fractal(random, *size, cells=(60, 2), octaves=5)
        rings = 0.5 + 0.5 * np.sin(grain * 34)
        board = blend(
            np.broadcast_to(np.array((112, 70, 42), np.float32), (*size, 3)),
            (156, 102, 62),
            0.25 + 0.5 * rings * grain,
        )
        board = board * (0.75 + 0.4 * halo(*size, size[1] * 0.4, size[0] * 0.35, 420))[..., None]
        for x in range(0, size[1], 140):
            board[:, x : x + 2] *= 0.55
        self._board = Layer(board.astype(np.float32), None, 1.0)
        brass, steel, copper = (214, 168, 74), (166, 174, 186), (196, 112, 74)
        self._gears = [(210.0, 196.0, 24, brass, 0.0)]
        self._mesh(0, 14, -0.62, steel)
        self._mesh(1, 18, 0.25, copper)
        self._mesh(0, 12, 2.2, copper)
        self._mesh(2, 11, -1.0, brass)
        self._mesh(0, 10, 1.25, steel)

    def _mesh(self, driver: int, teeth: int, direction: float, colour: Colour) -> None:
        """Add a gear that touches another in a direction (radians), its teeth in the other's gaps."""
        x, y, driver_teeth, _, phase = self._gears[driver]
        distance = (driver_teeth + teeth) * self.MODULE_PX / 2
        shift = direction + math.pi - (driver_teeth * (phase - direction)) / teeth + math.pi / teeth
        self._gears.append(
            (x + distance * math.cos(direction), y + distance * math.sin(direction), teeth, colour, shift)
        )

    def draw(self, time_s: float, view: View) -> Image:
        """The gears turn, each by the ratio of its teeth; the camera may pan and zoom."""
        canvas = self._board.paint(np.zeros((HEIGHT, WIDTH, 3), np.uint8), view)
        turns = self._turns(time_s)
        shadow = canvas.copy()
        for gear, turn in zip(self._gears, turns, strict=True):
            self._draw_gear(shadow, gear, turn, view, (6, 8), (30, 18, 12))
        canvas = cv2.addWeighted(canvas, 0.5, cv2.GaussianBlur(shadow, (0, 0), 3), 0.5, 0)
        for gear, turn in zip(self._gears, turns, strict=True):
            self._draw_gear(canvas, gear, turn, view, (0, 0), None)
        return canvas

    def _turns(self, time_s: float) -> list[float]:
        """The angle of each gear: neighbours turn against each other, by the ratio of their teeth."""
        senses = (1, -1, 1, -1, -1, -1)
        lead = self._gears[0][2] * 0.9 * time_s
        return [sense * lead / gear[2] for sense, gear in zip(senses, self._gears, strict=True)]

    def _draw_gear(
        self,
        canvas: Image,
        gear: tuple[float, float, int, Colour, float],
        turn: float,
        view: View,
        offset: tuple[int, int],
        flat: Colour | None,
    ) -> None:
        x, y, teeth, colour, phase = gear
        at_x, at_y, scale = place(view, 1.0, x + offset[0], y + offset[1])
        radius = teeth * self.MODULE_PX / 2 * scale
        tooth = self.MODULE_PX * 0.5 * scale
        angles, radii = [], []
        for index in range(teeth):
            for part, reach in ((-0.31, -1.1), (-0.17, 0.95), (0.17, 0.95), (0.31, -1.1)):
                angles.append((index + part) * math.tau / teeth + phase + turn)
                radii.append(radius + reach * tooth)
        outline = _polar(at_x, at_y, np.array(radii), np.array(angles))
        polygon(canvas, outline, flat or colour)
        if flat is not None:
            return
        for share, light in ((0.86, 1.14), (0.78, 0.9), (0.30, 1.12)):
            circle(canvas, at_x, at_y, radius * share, tint(colour, light))
        for spoke in range(5):
            angle = spoke * math.tau / 5 + turn + phase
            circle(
                canvas,
                at_x + 0.54 * radius * math.cos(angle),
                at_y + 0.54 * radius * math.sin(angle),
                radius * 0.16,
                (70, 44, 28),
            )
        circle(canvas, at_x, at_y, radius * 0.12, tint(colour, 0.5))


def _polar(x: float, y: float, radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    return np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
