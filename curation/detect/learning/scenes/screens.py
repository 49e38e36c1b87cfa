"""Recordings of a screen: windows, scrolling, typing, a cursor."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from curation.detect.learning.scenes.camera import view
from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Floats, Rng, filled, smooth_noise
from curation.detect.learning.scenes.lettering import colour, write_block, write_line
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.places import draw_place

_LONG = 5 * HEIGHT


def window_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A desktop or a page: panes stay, one pane scrolls, menus open and close, the cursor moves."""
    frame = _chrome(look)
    top, left = int(rng.uniform(8, 26)), int(rng.choice((0, rng.uniform(15, 60))))
    pane = _document(rng, look, WIDTH - left)
    offsets = _scrolling(rng, num, fps)
    cursor = _cursor(rng, num, fps)
    menus = [_menu(rng, look, num, fps) for _ in range(int(rng.integers(0, 4)))]
    for at in range(num):
        shown = frame.copy()
        offset = int(offsets[at])
        shown[top:, left:] = pane[offset : offset + HEIGHT - top]
        for start, end, box, menu in menus:
            if start <= at < end:
                y, x = box
                shown[y : y + menu.shape[0], x : x + menu.shape[1]] = menu
        _arrow(shown, cursor[at])
        yield shown


def typing_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """An editor or a terminal that fills with lines, and scrolls when it is full."""
    frame = _chrome(look) if rng.uniform() < 0.6 else filled((HEIGHT, WIDTH), look.paper * 0.9)
    top, left = int(rng.uniform(4, 20)), int(rng.choice((2, rng.uniform(10, 50))))
    frame[top:, left:] = look.paper
    size = rng.uniform(2.5, 7)
    gap = int(size * 1.8) + 1
    rows = (HEIGHT - top) // gap
    row = int(rng.integers(0, rows))
    for k in range(row):
        _code_line(rng, look, frame, left + 2, top + k * gap, size)
    speed = rng.uniform(20, 200) / fps
    x, end = float(left + 2), left + rng.uniform(20, WIDTH - left)
    for at in range(num):
        if x >= end:
            x, end, row = float(left + 2), left + rng.uniform(10, WIDTH - left), row + 1
            if row >= rows:
                frame[top : HEIGHT - gap, left:] = frame[top + gap :, left:].copy()
                frame[HEIGHT - gap :, left:] = look.paper
                row = rows - 1
        y = top + row * gap
        write_line(rng, frame, x, y, min(speed + 2 * size, end - x), size, look.ink)
        x += max(speed, 1.0) if rng.uniform() < 0.8 else 0.0
        shown = frame.copy()
        if int(at / fps * 2) % 2:
            shown[int(y) : int(y + size), int(min(x, WIDTH - 2)) : int(min(x, WIDTH - 2)) + 2] = look.ink
        yield shown


def _chrome(look: Look) -> Floats:
    """The bars and panels of the program, the same in all shots of a look."""
    rng = np.random.default_rng(look.seed)
    frame = filled((HEIGHT, WIDTH), look.paper * 0.9 + look.ink * 0.1)
    frame[: int(rng.integers(4, 10))] = (
        look.accents[0] if rng.uniform() < 0.4 else look.ink * 0.3 + look.paper * 0.7
    )
    if rng.uniform() < 0.7:
        side = int(rng.integers(15, 60))
        frame[8:, :side] = look.paper * 0.8 + look.accents[1] * 0.2
        write_block(rng, frame, (3.0, 14.0, side - 6.0, 80.0), rng.uniform(2.5, 5), look.ink)
    if rng.uniform() < 0.4:
        frame[-int(rng.integers(3, 10)) :] = look.accents[2]
    return frame


def _document(rng: Rng, look: Look, width: int) -> Floats:
    """A long page of text, pictures and boxes, float32 [540, width, 3]."""
    pane = filled((_LONG, width), look.paper)
    y = 5.0
    while y < _LONG - 60:
        sort = rng.uniform()
        tall = rng.uniform(12, 55)
        if sort < 0.5:
            write_block(rng, pane, (6.0, y, width - 14.0, tall), rng.uniform(2.5, 5), look.ink)
        elif sort < 0.65:
            write_line(rng, pane, 6.0, y, rng.uniform(0.3, 0.8) * width, rng.uniform(6, 12), look.ink)
            tall = 14
        elif sort < 0.85:
            seen = view(draw_place(rng, look)[0].picture, np.zeros(4))
            part = cv2.resize(
                seen, (int(width * rng.uniform(0.3, 0.95)), int(tall)), interpolation=cv2.INTER_AREA
            )
            pane[int(y) : int(y) + part.shape[0], 6 : 6 + part.shape[1]] = part[:, : width - 6]
        else:
            pane[int(y) : int(y + tall), 4 : width - 6] = look.accents[int(rng.integers(8))]
        y += tall + rng.uniform(3, 9)
    return pane


def _scrolling(rng: Rng, num: int, fps: float) -> Floats:
    """The top of what is seen of a long page, in pixels, for each frame."""
    offset = target = float(rng.uniform(0, 60))
    found = np.empty(num, np.float32)
    jumpy = rng.uniform() < 0.3
    eagerness, reach = rng.uniform(0.1, 1.2), 0.25 if jumpy else 1.0
    for at in range(num):
        if rng.uniform() < eagerness / fps:
            target = float(np.clip(target + reach * rng.normal(25, 45), 0, _LONG - HEIGHT))
        offset = target if jumpy else offset + (target - offset) * min(1.0, 8 / fps)
        found[at] = offset
    return found


def _menu(rng: Rng, look: Look, num: int, fps: float) -> tuple[int, int, tuple[int, int], Floats]:
    """When a menu or a message is there, where, and what it looks like."""
    start = int(rng.uniform(0, num))
    height, width = int(rng.uniform(12, 60)), int(rng.uniform(25, 90))
    menu = filled((height, width), look.paper * 0.7 + look.accents[int(rng.integers(8))] * 0.3)
    write_block(rng, menu, (3.0, 3.0, width - 6.0, height - 6.0), rng.uniform(2.5, 5), look.ink)
    box = (int(rng.uniform(0, HEIGHT - height)), int(rng.uniform(0, WIDTH - width)))
    return start, start + int(rng.uniform(0.3, 3) * fps), box, menu


def _cursor(rng: Rng, num: int, fps: float) -> Floats:
    x = WIDTH * (0.5 + 0.4 * smooth_noise(rng, num, fps * rng.uniform(0.3, 1.5)))
    y = HEIGHT * (0.5 + 0.4 * smooth_noise(rng, num, fps * rng.uniform(0.3, 1.5)))
    return np.stack([x, y], axis=1).astype(np.float32)


def _arrow(frame: Floats, tip: Floats) -> None:
    x, y = int(tip[0]), int(tip[1])
    shape = np.array([[x, y], [x, y + 7], [x + 5, y + 5]], np.int32)
    cv2.fillPoly(frame, [shape], colour(np.zeros(3, np.float32)))
    cv2.fillPoly(frame, [shape[:, :] + (1, 1)], colour(np.full(3, 250, np.float32)))


def _code_line(rng: Rng, look: Look, frame: Floats, left: float, y: float, size: float) -> None:
    indent = float(rng.integers(0, 4)) * size * 2
    ink = look.ink if rng.uniform() < 0.6 else look.accents[int(rng.integers(8))]
    write_line(rng, frame, left + indent, y, rng.uniform(15, WIDTH - left - indent), size, ink)
