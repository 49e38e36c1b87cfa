"""Draws a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from curation.records import Shot
from pipelines.segmenting.stills import Stills

if TYPE_CHECKING:
    from pipelines.segmenting.stills import Picture

LINE_SHOTS = 3
THUMB_WIDTH_PX, THUMB_MAX_HEIGHT_PX = 160, 160

_PAPER, _SLOT = (24, 26, 30), (44, 47, 53)
_INK, _FAINT = (238, 238, 234), (150, 154, 160)
_CUT, _GRADUAL = (255, 122, 80), (92, 170, 255)

_MARGIN_PX, _GAP_PX, _SEAM_PX = 28, 2, 70
_BLOCK_PX = 3 * THUMB_WIDTH_PX + 2 * _GAP_PX
_WIDTH_PX = 2 * _MARGIN_PX + LINE_SHOTS * (_BLOCK_PX + _SEAM_PX) + THUMB_WIDTH_PX
_HEADING_PX, _TITLE_PX, _CAPTION_PX, _LINE_GAP_PX, _CLOSING_PX = 44, 24, 20, 20, 26


@dataclass(frozen=True)
class Block:
    """A shot and its stills; `frames_before` are those of the transition before it, which are in no shot."""

    number: int
    shot: Shot
    stills: Stills
    frames_before: int


@dataclass(frozen=True)
class Section:
    """A file: its name, what it is like, its shots, and how many more are not shown.

    `blocks` holds one shot more than is shown where there is one: a line ends with the first frame of the
    shot after it.
    """

    name: str
    facts: str
    blocks: tuple[Block, ...]
    num_shown: int
    num_left_out: int

    def lines(self) -> list[tuple[tuple[Block, ...], Block | None]]:
        """The shots of each line, and the one after them."""
        return [
            (
                self.blocks[at : min(at + LINE_SHOTS, self.num_shown)],
                next(iter(self.blocks[min(at + LINE_SHOTS, self.num_shown) :]), None),
            )
            for at in range(0, self.num_shown, LINE_SHOTS)
        ]


def drawn(sections: Sequence[Section]) -> Image.Image:
    """A sheet with a part for each file, RGB."""
    height_px = 2 * _MARGIN_PX + sum(_section_height(section) for section in sections)
    image = Image.new("RGB", (_WIDTH_PX, height_px), _PAPER)
    pen = _Pen(image)
    top = _MARGIN_PX
    for section in sections:
        pen.section(section, top)
        top += _section_height(section)
    return image


def _section_height(section: Section) -> int:
    lines = len(section.lines()) * _line_height(section)
    return _HEADING_PX + lines + (_CLOSING_PX if section.num_left_out else 0)


def _line_height(section: Section) -> int:
    return _TITLE_PX + _thumb_height(section) + _CAPTION_PX + _LINE_GAP_PX


def _thumb_height(section: Section) -> int:
    """Height of the stills; that of a wide one where none could be decoded."""
    pictures = [still for block in section.blocks for still in _pictures(block) if still is not None]
    return pictures[0].shape[0] if pictures else THUMB_WIDTH_PX * 9 // 16


def _pictures(block: Block) -> tuple[Picture | None, Picture | None, Picture | None]:
    return (block.stills.first, block.stills.middle, block.stills.last)


class _Pen:
    """Draws the parts of a sheet at places in pixels from its left and its top."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        self._draw = ImageDraw.Draw(image)
        self._fonts = {size: ImageFont.load_default(size) for size in (13, 15, 20)}

    def section(self, section: Section, top: int) -> None:
        """A file's heading and the lines of its shots."""
        name_px = self._text(section.name, (_MARGIN_PX, top), _INK, 20)
        self._text(section.facts, (_MARGIN_PX + name_px + 16, top + 5), _FAINT, 15)
        top += _HEADING_PX
        thumb_px = _thumb_height(section)
        for blocks, after in section.lines():
            left = _MARGIN_PX
            for number, block in enumerate(blocks):
                self._block(block, left, top, thumb_px)
                left += _BLOCK_PX
                following = blocks[number + 1] if number + 1 < len(blocks) else after
                if following is not None:
                    self._seam(following, left, top + _TITLE_PX, thumb_px)
                left += _SEAM_PX
            if after is not None:
                self._repeated(after, left, top, thumb_px)
            top += _line_height(section)
        if section.num_left_out:
            shots = "shot is" if section.num_left_out == 1 else "shots are"
            self._text(f"{section.num_left_out} more {shots} not shown", (_MARGIN_PX, top), _FAINT, 15)

    def _block(self, block: Block, left: int, top: int, thumb_px: int) -> None:
        shot = block.shot
        number_px = self._text(f"{block.number}", (left, top), _INK, 15)
        times = f"{_clock(shot.start_s)} to {_clock(shot.end_s)}"
        self._text(times, (left + number_px + 10, top + 2), _FAINT, 13)
        for column, still in enumerate(_pictures(block)):
            self._thumb(still, left + column * (THUMB_WIDTH_PX + _GAP_PX), top + _TITLE_PX, thumb_px)
        below = top + _TITLE_PX + thumb_px + 3
        frames = shot.last_frame - shot.start_frame + 1
        self._text(f"{shot.start_frame}", (left, below), _INK, 13)
        length = f"{frames} frame{'' if frames == 1 else 's'}, {shot.end_s - shot.start_s:.3f} s"
        self._text(length, (left + _BLOCK_PX // 2, below), _FAINT, 13, "ma")
        self._text(f"{shot.last_frame}", (left + _BLOCK_PX, below), _INK, 13, "ra")

    def _seam(self, after: Block, left: int, top: int, thumb_px: int) -> None:
        """What lies between a shot and the one after it."""
        middle, kind = left + _SEAM_PX // 2, after.shot.opened_by
        colour = _CUT if kind == "cut" else _GRADUAL
        self._text(kind, (middle, top - _TITLE_PX + 2), colour, 13, "ma")
        if after.frames_before:
            self._draw.rectangle((left + 8, top, left + _SEAM_PX - 9, top + thumb_px - 1), fill=colour)
            self._text(f"{after.frames_before}", (middle, top + thumb_px // 2 - 15), _PAPER, 15, "ma")
            self._text("left out", (middle, top + thumb_px // 2 + 2), _PAPER, 13, "ma")
        else:
            self._draw.rectangle((middle - 2, top, middle + 1, top + thumb_px - 1), fill=colour)
        self._text(f"{after.shot.score:.2f}", (middle, top + thumb_px + 3), _FAINT, 13, "ma")

    def _repeated(self, block: Block, left: int, top: int, thumb_px: int) -> None:
        self._text(f"{block.number}, on the next line", (left, top + 2), _FAINT, 13)
        self._thumb(block.stills.first, left, top + _TITLE_PX, thumb_px)
        self._text(f"{block.shot.start_frame}", (left, top + _TITLE_PX + thumb_px + 3), _FAINT, 13)

    def _thumb(self, still: Picture | None, left: int, top: int, thumb_px: int) -> None:
        right, bottom = left + THUMB_WIDTH_PX - 1, top + thumb_px - 1
        self._draw.rectangle((left, top, right, bottom), fill=_SLOT)
        if still is None:
            self._text("cannot be decoded", (left + 8, top + 8), _FAINT, 13)
            return
        self._image.paste(Image.fromarray(still), (left + (THUMB_WIDTH_PX - still.shape[1]) // 2, top))

    def _text(
        self, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: int, anchor: str = "la"
    ) -> int:
        """Write a text; returns its width in pixels."""
        self._draw.text(at, text, fill=colour, font=self._fonts[size], anchor=anchor)
        return round(self._draw.textlength(text, font=self._fonts[size]))


def _clock(time_s: float) -> str:
    """H:MM:SS.mmm of a time in seconds, which may be negative."""
    ms = round(abs(time_s) * 1000)
    sign = "-" if time_s < 0 and ms else ""
    return f"{sign}{ms // 3_600_000}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
