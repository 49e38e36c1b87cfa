"""The stage that fingerprints clips: Clip -> Fingerprint."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.fingerprint.records import Fingerprint
from curation.media.clip_videos import ClipVideos, undecodable
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError
from curation.records import Clip


class FingerprintConfig(Config):
    """How clips are hashed for the search for near-duplicates."""

    num_frames: int = Field(8, ge=1, le=64, description="Frames hashed per clip, evenly in time")


class Fingerprinter(Map[Clip, Fingerprint]):
    """Hashes frames of each clip's mp4 form.

    A hash changes little under another size, rate or codec, other brightness or contrast, black borders, a
    logo in a corner, or a copy that starts a tenth of a second off. It does not stand a mirror image, a
    rotation, a crop of more than about two per cent, or a changed speed.
    """

    name: ClassVar[str] = "fingerprint"
    version: ClassVar[str] = "1"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Fingerprint]] = Fingerprint
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=256 << 20)

    def __init__(
        self, config: FingerprintConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: FingerprintConfig = config
        self._videos = ClipVideos(workspace.media, workspace.scratch, limits)

    def setup(self) -> None:
        """Import OpenCV and PyAV; OpenCV computes on one thread."""
        import cv2

        cv2.setNumThreads(1)

    def fingerprints(self) -> Mapping[str, str]:
        """The libraries that decode and transform."""
        packages = ("av", "numpy", "opencv-python-headless")
        return {package: importlib.metadata.version(package) for package in packages}

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Fingerprint | Rejected]:
        """Yield one fingerprint per clip, a reject for one whose media cannot be decoded."""
        from curation.fingerprint.phash import hashes_of

        for clip in batch:
            try:
                pictures = self._videos.even(clip, self.config.num_frames)
            except DecodeError as error:
                yield undecodable(self.name, clip, error)
                continue
            hashes = hashes_of(pictures)
            yield Fingerprint(
                clip_id=clip.clip_id,
                hashes=tuple(hashes),
                duration_s=clip.duration_s,
                flat=2 * hashes.count(0) > len(hashes),
            )
