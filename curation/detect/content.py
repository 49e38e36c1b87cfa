"""The content detector: differences between small frames, no model and no weights."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import ClassVar, Literal

from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.detect import cuts, dissolves, fades
from curation.detect.blocks import overlapping_blocks
from curation.detect.shots import Transition, merged, shots_between
from curation.media.fetch import fetch
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodedFrame, DecodeError, Sandbox
from curation.probe import file_name
from curation.records import Shot, SourceVideo

FRAME_WIDTH_PX = 48
FRAME_HEIGHT_PX = 27
"""What shot detectors look at (TransNetV2, arXiv 2008.04838, section 3)."""

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


class ContentDetector(Map[SourceVideo, Shot]):
    """Divides a source into shots at cuts, fades and dissolves.

    Frames are looked at in one pass at 48x27; pixels are held for a bounded number of frames, and 12
    bytes per frame for the whole source.
    """

    name: ClassVar[str] = "detect"
    version: ClassVar[str] = "1"
    input: ClassVar[type[SourceVideo]] = SourceVideo
    output: ClassVar[type[Shot]] = Shot

    def __init__(
        self, config: ContentDetectorConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: ContentDetectorConfig = config
        self._workspace = workspace
        self._sandbox = Sandbox(limits)

    def fingerprints(self) -> Mapping[str, str]:
        """The decoder and the arithmetic."""
        return {"av": version("av"), "numpy": version("numpy")}

    def __call__(self, batch: Sequence[SourceVideo]) -> Iterator[Shot | Rejected]:
        """Shots of each source in order of time."""
        for source in batch:
            try:
                yield from self._shots(source)
            except DecodeError as error:
                yield Rejected(
                    rejected_id=source.video_id,
                    parent_id=source.video_id,
                    stage=self.name,
                    reason=error.reason,
                    detail=f"'{file_name(source.uri)}' {error.detail}",
                )

    def _shots(self, source: SourceVideo) -> list[Shot]:
        local = fetch(
            source.uri, self._workspace.scratch, size_bytes=source.size_bytes, video_id=source.video_id
        )
        frame_pts = array("q")
        frames = self._sandbox.frames(
            local.path,
            source.container,
            source.video.index,
            width_px=FRAME_WIDTH_PX,
            height_px=FRAME_HEIGHT_PX,
        )
        transitions = find_transitions(_noting_pts(frames, frame_pts), source.video.fps, self.config)
        return shots_between(source, transitions, frame_pts)


def _noting_pts(frames: Iterable[DecodedFrame], frame_pts: array[int]) -> Iterator[DecodedFrame]:
    for frame in frames:
        frame_pts.append(frame.pts)
        yield frame


def find_transitions(
    frames: Iterable[DecodedFrame], frames_per_s: float, config: ContentDetectorConfig
) -> list[Transition]:
    """Transitions in a stream of small RGB frames, disjoint and in order of time."""
    contrast = array("f")
    found: list[Transition] = []
    context = max(cuts.CONTEXT_FRAMES, dissolves.CONTEXT_FRAMES)
    images = (frame.image for frame in frames)
    for block in overlapping_blocks(images, core=_BLOCK_FRAMES, context=context):
        contrast.extend(fades.contrast(block.core))
        found += cuts.cuts_in(block, config.cut_difference, config.cut_ratio)
        found += dissolves.dissolves_in(block, frames_per_s, config.dissolve_residual)
    found += fades.fades(contrast, frames_per_s)
    return merged(found)
