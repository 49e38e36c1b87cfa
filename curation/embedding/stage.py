"""Clips as vectors: the mean of what an image embedder makes of the frames kept for captioners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.embedding.base import unit
from curation.embedding.choice import ImageEmbedderConfig, image_embedder
from curation.embedding.colours import ColourLayoutConfig
from curation.embedding.records import ClipEmbedding
from curation.records import Clip


class EmbedConfig(Config):
    """How clips become vectors."""

    images: ImageEmbedderConfig = Field(ColourLayoutConfig(), description="What turns frames into vectors")


class EmbedClips(Map[Clip, ClipEmbedding]):
    """Embeds each clip as the mean of its kept frames' vectors, scaled to length 1."""

    name: ClassVar[str] = "embed"
    version: ClassVar[str] = "1"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[ClipEmbedding]] = ClipEmbedding
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=2 << 30)

    def __init__(self, config: EmbedConfig, workspace: Workspace) -> None:
        self.config: EmbedConfig = config
        self._media = workspace.media
        self._embedder = image_embedder(config.images)

    def setup(self) -> None:
        """Load the embedder."""
        self._embedder.setup()

    def fingerprints(self) -> Mapping[str, str]:
        """What shapes the vectors."""
        return self._embedder.fingerprint()

    def __call__(self, batch: Sequence[Clip]) -> Iterator[ClipEmbedding | Rejected]:
        """Yield one vector per clip."""
        for clip in batch:
            frames = np.stack([_rgb(self._media.read(frame.media)) for frame in clip.frames])
            mean = unit(self._embedder.embed(frames).mean(0))
            yield ClipEmbedding(clip_id=clip.clip_id, vector=mean.astype("<f2").tobytes())


def _rgb(jpeg: bytes) -> NDArray[np.uint8]:
    import cv2

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"a kept frame of {len(jpeg)} bytes is no JPEG picture: cut the clip again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
