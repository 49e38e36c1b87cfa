"""On-screen text."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from examples.footage.canvas import HEIGHT, WIDTH, Image


@dataclass(frozen=True)
class Title:
    """Two lines of text that fade in and out; `y` is the height of the first line's foot (0 to 1)."""

    text: str
    below: str = ""
    start_s: float = 0.4
    end_s: float = 2.8
    y: float = 0.80

    def draw(self, picture: Image, time_s: float) -> Image:
        """The picture with the title on it."""
        share = min(1.0, (time_s - self.start_s) / 0.4, (self.end_s - time_s) / 0.4)
        if share <= 0:
            return picture
        lettered = picture.copy()
        _centred(lettered, self.text, self.y * HEIGHT, 1.15, cv2.FONT_HERSHEY_DUPLEX)
        _centred(lettered, self.below, self.y * HEIGHT + 28, 0.62, cv2.FONT_HERSHEY_SIMPLEX)
        return cv2.addWeighted(picture, 1 - share, lettered, share, 0)


def _centred(picture: Image, text: str, y_px: float, size: float, font: int) -> None:
    (width, _), _ = cv2.getTextSize(text, font, size, 1)
    x, y = (WIDTH - width) // 2, round(y_px)
    cv2.putText(picture, text, (x + 2, y + 2), font, size, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(picture, text, (x, y), font, size, (255, 255, 255), 1, cv2.LINE_AA)
