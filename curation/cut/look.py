"""What is made of a source's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curation.cut.rules import Span
from curation.media.cutting import Size
from curation.records import Crop


@dataclass(frozen=True)
class ExactForm:
    """A form that is encoded anew, with x264's constant rate factor."""

    name: str
    size_px: Size
    crf: int


@dataclass(frozen=True)
class Look:
    """What all clips of a source have in common: black bars to cut off, forms to encode, and the size of
    frames for captioners."""

    crop: Crop | None
    forms: tuple[ExactForm, ...]
    frame_size_px: Size


@dataclass(frozen=True)
class Rendering:
    """One clip: where it lies, the frames that the detector counted in it, the distance of keyframes in
    frames, and the times that captioners look at, in pts from its start."""

    span: Span
    num_frames: int
    gop_frames: int
    caption_targets: Sequence[int]
