"""Cuts borders off pictures whose pixels need not be square."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True)
class Cropping:
    """What to cut off a picture: left, top, right and bottom in pixels of the picture as it is shown, upright
    and with square pixels, whose width and height are `shown_size_px`."""

    sides_px: tuple[int, ...]
    shown_size_px: Size

    def filters(self, stored_size_px: Size) -> list[str]:
        """The filter for upright pictures as they are stored, in a list that is empty where there is nothing
        to cut off. An odd side would move colours against brightness, so sides are rounded up to even."""
        if not any(self.sides_px):
            return []
        (width, height), (shown_width, shown_height) = stored_size_px, self.shown_size_px
        left, top, right, bottom = (
            -(-side * stored // (2 * shown)) * 2
            for side, stored, shown in zip(
                self.sides_px,
                (width, height, width, height),
                (shown_width, shown_height, shown_width, shown_height),
                strict=True,
            )
        )
        return [f"crop={width - left - right}:{height - top - bottom}:{left}:{top}"]


UNCROPPED = Cropping((0, 0, 0, 0), (1, 1))
