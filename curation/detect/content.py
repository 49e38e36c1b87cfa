"""The content detector: differences between small frames, no model and no weights."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from curation.base.config import Config
from curation.detect import cuts, dissolves, fades
from curation.detect.blocks import overlapping_blocks
from curation.detect.detector import Detector, Frames
from curation.detect.transitions import Settled, Transition, merged

_BLOCK_FRAMES = 512


class ContentDetectorConfig(Config):
    """How readily the content detector sees a change of shot."""

    kind: Literal["content"] = Field("content", description="Differences between neighbouring frames")
    cut_difference: float = Field(
        8.0, gt=0, le=255, description="Least mean RGB difference (0..255) between the two frames of a cut"
    )
    cut_ratio: float = Field(
        3.0,
        gt=1,
        le=100,
        description="Least ratio of a cut's difference to the mean difference of the frames around it",
    )
    dissolve_residual: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="How far the frames of a dissolve may be from a linear mix of its ends, as a share of "
        "the difference between the ends; 0 finds no dissolves",
    )


class ContentDetector(Detector):
    """Divides a source into shots at cuts, fades and dissolves, by arithmetic on pixels."""

    version: ClassVar[str] = "2"

    config: ContentDetectorConfig

    def settle(self, frames: Iterable[Frames], frames_per_s: float) -> Iterator[Settled]:
        """Transitions in a stream of RGB frames [27, 48, 3], reported as they become certain.

        Cuts and dissolves are certain once their block is done; a fade is only when the picture is there
        again, so up to `fades.MAX_FLAT_FRAMES` keep what comes after their beginning waiting.
        """
        context = max(cuts.CONTEXT_FRAMES, dissolves.CONTEXT_FRAMES)
        contrast = _Contrast(frames_per_s)
        waiting: list[Transition] = []
        settled = 0
        for block in overlapping_blocks(frames, core=_BLOCK_FRAMES, context=context):
            contrast.extend(fades.contrast(block.core))
            waiting += cuts.cuts_in(block, self.config.cut_difference, self.config.cut_ratio)
            waiting += dissolves.dissolves_in(block, frames_per_s, self.config.dissolve_residual)
            found = merged([*waiting, *contrast.fades(settled)])
            horizon = max(settled, min(block.core_end - context, contrast.open_from()))
            horizon = min([horizon, *(each.start_frame for each in found if each.end_frame > horizon)])
            if horizon > settled:
                yield Settled(horizon, [each for each in found if each.end_frame <= horizon])
                waiting = [each for each in waiting if each.start_frame >= horizon]
                settled = horizon
                contrast.forget(settled)
        yield Settled(contrast.end, merged([*waiting, *contrast.fades(settled)]))


class _Contrast:
    """The contrast of the frames from a while before the settled ones on."""

    def __init__(self, frames_per_s: float) -> None:
        self._values = array("f")
        self._offset = 0
        self._flat_before = 0
        self._first_lit: int | None = None
        self._frames_per_s = frames_per_s

    @property
    def end(self) -> int:
        """Frames so far."""
        return self._offset + len(self._values)

    def extend(self, values: Iterable[float]) -> None:
        """The contrast of the next frames."""
        for value in values:
            if self._first_lit is None and value >= fades.FLAT_CONTRAST:
                self._first_lit = self.end
            self._values.append(value)

    def fades(self, start: int) -> list[Transition]:
        """Fades that begin at or after frame `start`; what leads out of a flat beginning is none."""
        start = self.end if self._first_lit is None else max(start, self._first_lit)
        found = fades.fades(self._values, self._frames_per_s, self._flat_before)
        moved = [
            replace(
                each, start_frame=each.start_frame + self._offset, end_frame=each.end_frame + self._offset
            )
            for each in found
        ]
        return [each for each in moved if each.start_frame >= start]

    def open_from(self) -> int:
        """The frame from which later frames may change the fades."""
        return self._offset + fades.open_from(self._values, self._frames_per_s, self._flat_before)

    def forget(self, settled: int) -> None:
        """Drop what lies well before the settled frames."""
        past = max(0, settled - _BLOCK_FRAMES - self._offset)
        for value in self._values[:past]:
            self._flat_before = self._flat_before + 1 if value < fades.FLAT_CONTRAST else 0
        del self._values[:past]
        self._offset += past
