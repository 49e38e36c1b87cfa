"""The embedded video captioner: states only what was measured, for machines without models."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from captioning.facts import caption_of_facts
from captioning.provenance import provenance
from captioning.records import Caption, Modality
from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.media.clip_videos import ClipVideos, undecodable
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError
from curation.records import Clip


class MeasuredVideoConfig(Config):
    """Video captions that measure (duration, camera, motion, light, colours, sharpness, text)."""

    kind: Literal["measured"] = Field(
        "measured", description="measured facts in plain English; needs no model"
    )


class MeasuredVideoCaptioner(Map[Clip, Caption]):
    """Describes a clip by one sentence per measured fact.

    Computes on one thread, so that a clip's caption never depends on what else the machine does.
    """

    name: ClassVar[str] = "caption_video"
    version: ClassVar[str] = "2"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Caption]] = Caption
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=512 << 20)

    def __init__(
        self, config: MeasuredVideoConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config = config
        self._media = workspace.media
        self._videos = ClipVideos(workspace.media, workspace.scratch, limits)

    def setup(self) -> None:
        """Import OpenCV and PyAV."""
        from captioning.video.describe import STEP_S, VideoFacts

        self._facts, self._step_s = VideoFacts(), STEP_S

    def fingerprints(self) -> Mapping[str, str]:
        """The libraries that decode and measure."""
        packages = ("av", "numpy", "opencv-python-headless")
        return {package: importlib.metadata.version(package) for package in packages}

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption per clip, a reject for one whose media cannot be decoded."""
        for clip in batch:
            stills = [(frame.time_s, self._media.read(frame.media)) for frame in clip.frames]
            try:
                lines = self._facts(clip.duration_s, self._videos.every(clip, self._step_s), stills)
            except DecodeError as error:
                yield undecodable(self.name, clip, error)
                continue
            origin = provenance(
                self,
                model="cliploom measured video facts",
                revision=self.version,
                parameters={},
                spans=[(0.0, clip.duration_s)],
            )
            yield caption_of_facts(clip.clip_id, Modality.VIDEO, lines, origin)
