"""Pages: slides with their bullets, title cards, credits, and a lecture with the lecturer in a corner."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from curation.detect.learning.scenes.actors import draw_sprite
from curation.detect.learning.scenes.camera import GENTLE, camera_path, view
from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Floats, Rng, filled, pick, smooth_noise
from curation.detect.learning.scenes.filmed import Setting, play
from curation.detect.learning.scenes.lettering import colour, write_block, write_line
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.places import Layer, draw_place
from curation.detect.learning.scenes.textures import lit

Step = Callable[[Floats], None]


def slide_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """One slide: points are added one by one, a pointer may wander."""
    page, steps = _slide(rng, look)
    pointer = _pointer(rng, num, fps) if rng.uniform() < 0.5 else None
    return _performed(rng, page, steps, num, pointer)


def lecture_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A slide beside the picture of a lecturer."""
    page, steps = _slide(rng, look)
    width = int(rng.uniform(0.16, 0.4) * WIDTH)
    height = min(HEIGHT - 4, int(width * rng.choice((0.56, 0.75, 1.2))))
    left = int(rng.choice((2, WIDTH - width - 2)))
    top = int(rng.choice((2, HEIGHT - height - 2)))
    sprite = draw_sprite(rng, look, "head")
    backdrop = cv2.resize(view(draw_place(rng, look, "room")[0].picture, np.zeros(4)), (width, height))
    sway = 2.0 * smooth_noise(rng, num, fps)
    shape = np.array([[height / 96, 0, (width - height) / 2], [0, height / 96, 0]])
    for at, frame in enumerate(_performed(rng, page, steps, num, None)):
        inset = backdrop.astype(np.float32)
        phase = int(at / fps / sprite.cycle_s * len(sprite.pictures)) % len(sprite.pictures)
        shape[0, 2] = (width - height) / 2 + sway[at]
        head = cv2.warpAffine(sprite.pictures[phase], shape, (width, height))
        frame[top : top + height, left : left + width] = inset * (1 - head[..., 3:] / 255) + head[..., :3]
        yield frame


def title_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A title on black, on paper or over a blurred picture; it may fade in, grow or stay."""
    ground = pick(rng, {"black": 3, "paper": 2, "colour": 2, "picture": 2})
    page = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    ink = np.full(3, rng.uniform(150, 255), np.float32)
    if ground == "paper":
        page[:], ink = look.paper, look.ink
    elif ground == "colour":
        page[:] = look.ramps[0][int(rng.integers(30, 120))]
    elif ground == "picture":
        seen = view(draw_place(rng, look)[0].picture, np.zeros(4)).astype(np.float32)
        page = cv2.GaussianBlur(seen, (0, 0), float(rng.uniform(1, 6))) * np.float32(rng.uniform(0.3, 0.7))
    text, mask = page.copy(), np.zeros_like(page)
    size = rng.uniform(8, 26)
    rows = int(rng.integers(1, 4))
    top = HEIGHT / 2 - rows * size * 0.8 + rng.normal(0, 8)
    for row in range(rows):
        width = rng.uniform(0.35, 0.85) * WIDTH
        left = (WIDTH - width) / 2 if rng.uniform() < 0.8 else 0.1 * WIDTH
        tall = size if row == 0 else size * rng.uniform(0.4, 1.0)
        write_line(rng, mask, left, top + row * size * 1.6, width, tall, np.full(3, 1.0, np.float32))
    text = page + (ink - page) * mask
    ways = {"stay": 4.0, "grow": 2.0}
    if ground != "black":
        # Out of black it would be a fade-in, which is a transition.
        ways |= {"fade": 2.0, "letters": 1.0}
    way = pick(rng, ways)
    return _shown_title(rng, page, text, num, fps, way)


def credits_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Names that scroll up, over black or over a dark picture."""
    long = 4 * HEIGHT
    roll = np.zeros((long, WIDTH, 3), np.float32)
    white = np.ones(3, np.float32)
    size, columns = rng.uniform(3, 8), rng.uniform() < 0.5
    y = 0.0
    while y < long - 2 * size:
        if rng.uniform() < 0.15:
            y += size * 2
        width = rng.uniform(0.15, 0.4) * WIDTH
        if columns:
            write_line(rng, roll, WIDTH * 0.48 - width, y, width, size, white)
            write_line(rng, roll, WIDTH * 0.54, y, rng.uniform(0.15, 0.4) * WIDTH, size, white)
        else:
            write_line(rng, roll, (WIDTH - width) / 2, y, width, size, white)
        y += size * 1.8
    back = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    if rng.uniform() < 0.3:
        back = view(draw_place(rng, look)[0].picture, np.zeros(4)) * np.float32(rng.uniform(0.15, 0.5))
    ink = np.full(3, 235, np.float32) if rng.uniform() < 0.8 else look.accents[0]
    speed, start = rng.uniform(10, 60) / fps, rng.uniform(0, HEIGHT)
    for at in range(num):
        shift = np.array([[1, 0, 0], [0, 1, -(start + speed * at)]], np.float64)
        mask = cv2.warpAffine(roll, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_WRAP)
        yield back + (ink - back) * mask


def _slide(rng: Rng, look: Look) -> tuple[Floats, list[Step]]:
    """An empty slide of the talk's design, and what comes onto it."""
    design = np.random.default_rng(look.seed)
    page = filled((HEIGHT, WIDTH), look.paper)
    if design.uniform() < 0.25:
        page *= np.linspace(1, design.uniform(0.6, 0.95), HEIGHT, dtype=np.float32)[:, None, None]
    bar = look.accents[0]
    if design.uniform() < 0.5:
        page[: int(design.uniform(6, 24))] = bar
    if design.uniform() < 0.3:
        page[-int(design.uniform(3, 9)) :] = look.accents[1]
    if design.uniform() < 0.2:
        page[:, : int(design.uniform(4, 20))] = look.accents[2]
    title_size, title_y = design.uniform(6, 12), design.uniform(5, 14)
    left = design.uniform(0.06, 0.18) * WIDTH
    title_ink = look.ink if design.uniform() < 0.6 else look.accents[3]
    text_size = float(design.uniform(2.5, 6))
    if rng.uniform() < 0.9:
        write_line(rng, page, left, title_y, rng.uniform(0.25, 0.75) * WIDTH, title_size, title_ink)
    body = (left, title_y + title_size * 2.2, WIDTH - 2 * left, HEIGHT - title_y - title_size * 2.2 - 10)
    sort = pick(rng, {"bullets": 4, "picture": 2, "both": 3, "chart": 1.5, "text": 1.5, "empty": 0.3})
    x, y, width, height = body
    if sort in ("picture", "both"):
        share = 0.45 if sort == "both" else rng.uniform(0.6, 1.0)
        _inset(rng, look, page, (x + (1 - share) * width, y, share * width, height))
        body = (x, y, (1 - share) * width - 4, height)
    if sort == "text":
        write_block(rng, page, body, text_size, look.ink)
    if sort == "chart":
        return page, _bars(rng, look, page, body)
    return page, _bullets(rng, look, body, text_size) if sort in ("bullets", "both") else []


def _bullets(rng: Rng, look: Look, body: tuple[float, float, float, float], size: float) -> list[Step]:
    x, y, width, height = body
    gap = size * rng.uniform(2, 3.2)
    steps: list[Step] = []
    for row in range(min(int(height / gap), int(rng.integers(2, 8)))):
        seed, share = int(rng.integers(1 << 30)), rng.uniform(0.3, 1.0)
        indent = rng.uniform() < 0.2

        def point(
            page: Floats, row: int = row, seed: int = seed, share: float = share, more: bool = indent
        ) -> None:
            left = x + (8 if more else 0)
            top = y + row * gap
            cv2.circle(
                page, (int(left), int(top + size / 2)), max(1, int(size / 3)), colour(look.accents[4]), -1
            )
            write_line(np.random.default_rng(seed), page, left + 5, top, width * share - 8, size, look.ink)

        steps.append(point)
    return steps


def _bars(rng: Rng, look: Look, page: Floats, body: tuple[float, float, float, float]) -> list[Step]:
    x, y, width, height = body
    cv2.line(page, (int(x), int(y + height)), (int(x + width), int(y + height)), colour(look.ink), 1)
    count = int(rng.integers(3, 9))
    steps: list[Step] = []
    for k in range(count):
        left, top = int(x + k * width / count + 2), int(y + height * rng.uniform(0.05, 0.9))
        shade = look.accents[k % 3]

        def bar(page: Floats, left: int = left, top: int = top, shade: Floats = shade) -> None:
            page[top : int(y + height), left : left + int(width / count * 0.7)] = shade

        steps.append(bar)
    return steps


def _inset(rng: Rng, look: Look, page: Floats, box: tuple[float, float, float, float]) -> None:
    x, y, width, height = (int(v) for v in box)
    if width < 8 or height < 8:
        return
    seen = view(draw_place(rng, look)[0].picture, np.array([rng.uniform(-0.3, 0.3), 0, 0.3, 0]))
    page[y : y + height, x : x + width] = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)


def _performed(
    rng: Rng, page: Floats, steps: list[Step], num: int, pointer: Floats | None
) -> Iterator[Floats]:
    """Steps come at once before the first frame, or one after another, cut in or faded in."""
    at_once = rng.uniform() < 0.4
    times = np.sort(rng.uniform(0.03, 0.97, len(steps)) * num).astype(int)
    fade = 1 if rng.uniform() < 0.7 else int(rng.integers(4, 15))
    if at_once:
        times[:] = -fade
    before, after, changed = page.copy(), page.copy(), -fade
    spot = colour(np.array((230, 30, 30)) if rng.uniform() < 0.6 else 255 - page.mean(axis=(0, 1)))
    due = 0
    for at in range(-fade, num):
        if due < len(times) and times[due] <= at:
            before, changed = after.copy(), at
            while due < len(times) and times[due] <= at:
                steps[due](after)
                due += 1
        if at < 0:
            continue
        share = min(1.0, (at - changed + 1) / fade)
        frame = after.copy() if share == 1 else before + (after - before) * np.float32(share)
        if pointer is not None:
            cv2.circle(frame, (int(pointer[at, 0]), int(pointer[at, 1])), 3, spot, -1)
        yield frame


def _pointer(rng: Rng, num: int, fps: float) -> Floats:
    """Where a pointer is, x and y in pixels, float32 [n, 2]."""
    x = WIDTH * (0.5 + 0.35 * smooth_noise(rng, num, fps * rng.uniform(0.4, 2)))
    y = HEIGHT * (0.5 + 0.35 * smooth_noise(rng, num, fps * rng.uniform(0.4, 2)))
    return np.stack([x, y], axis=1).astype(np.float32)


def _shown_title(rng: Rng, page: Floats, text: Floats, num: int, fps: float, way: str) -> Iterator[Floats]:
    start, length = rng.uniform(0, 0.4) * num, rng.uniform(0.2, 1.2) * fps
    speed = rng.normal(0, 0.06) / fps
    for at in range(num):
        share = float(np.clip((at - start) / length, 0, 1))
        if way == "fade":
            yield page + (text - page) * np.float32(share)
        elif way == "letters":
            edge = int(WIDTH * np.clip((at - start) / (2 * length), 0, 1))
            frame = page.copy()
            frame[:, :edge] = text[:, :edge]
            yield frame
        elif way == "grow":
            scale = np.exp(speed * at)
            middle_x, middle_y = WIDTH / 2 * (1 - scale), HEIGHT / 2 * (1 - scale)
            matrix = np.array([[scale, 0, middle_x], [0, scale, middle_y]])
            yield cv2.warpAffine(text, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        else:
            yield text


def board_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A page under a camera: a book, a blackboard, a newspaper, seen by hand or slowly panned."""
    page = filled((2 * HEIGHT, 2 * WIDTH), look.paper)
    for column in range(int(rng.integers(1, 4))):
        box = (10 + column * 120.0, 12.0, 105.0, 190.0)
        write_block(rng, page, box, rng.uniform(3, 9), look.ink)
    layer = Layer(lit(rng, page))
    return play(Setting([layer], camera_path(rng, num, fps, GENTLE), []), fps)
