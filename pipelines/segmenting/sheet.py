"""The contact sheet: a picture on which a person sees whether shots end where they should."""

from __future__ import annotations

import io

from curation.cut.source import SourceFile
from curation.media.sandbox import Sandbox
from curation.probe import file_name
from pipelines.segmenting.files import Segmented
from pipelines.segmenting.sheet_drawing import THUMB_MAX_HEIGHT_PX, THUMB_WIDTH_PX, Block, Section, drawn
from pipelines.segmenting.stills import stills

MAX_SHOTS = 240
"""Shots that one sheet shows, 80 lines of it; the rest are counted."""


class ContactSheet:
    """Gathers the shots of files, the first `MAX_SHOTS` of them, and draws them.

    The last frame of a shot and the first of the next stand side by side, also at the end of a line.
    """

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self._room = MAX_SHOTS

    def add(self, found: Segmented, sandbox: Sandbox) -> None:
        """Decode the stills of a file."""
        num_shown = min(self._room, len(found.shots))
        self._room -= num_shown
        looked_at = found.shots[: num_shown + 1] if num_shown else ()
        pictures = stills(sandbox, found.source, looked_at, _thumb_size(found.source))
        blocks = []
        for number, (shot, each) in enumerate(zip(looked_at, pictures, strict=True)):
            previous = found.shots[number - 1].last_frame if number else -1
            blocks.append(Block(number + 1, shot, each, shot.start_frame - previous - 1))
        self.sections.append(
            Section(
                name=file_name(found.uri),
                facts=_facts(found),
                blocks=tuple(blocks),
                num_shown=num_shown,
                num_left_out=len(found.shots) - num_shown,
            )
        )

    def png(self) -> bytes:
        """The sheet, as PNG."""
        out = io.BytesIO()
        drawn(self.sections).save(out, format="PNG")
        return out.getvalue()


def _facts(found: Segmented) -> str:
    video, shots = found.source.record.video, len(found.shots)
    return (
        f"{video.width_px} x {video.height_px} px, {video.fps:g} frames/s, {found.num_frames} frames, "
        f"{shots} {'shot' if shots == 1 else 'shots'}"
    )


def _thumb_size(source: SourceFile) -> tuple[int, int]:
    """Width and height of the stills of a file: its aspect, within the bounds of a thumbnail."""
    width_px, height_px = source.record.video.width_px, source.record.video.height_px
    scale = min(THUMB_WIDTH_PX / width_px, THUMB_MAX_HEIGHT_PX / height_px)
    return max(2, round(width_px * scale)), max(2, round(height_px * scale))
