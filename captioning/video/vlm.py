"""Video captions by a vision-language model that sees a clip's frames together."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field

from captioning.client.requests import Part, Picture, Text
from captioning.records import Modality
from captioning.served import ServedModelConfig, Unusable
from captioning.served_captions import ServedCaptioner
from captioning.video.chosen import NO_FRAMES, jpegs
from curation.base.config import operational
from curation.base.workspace import Workspace
from curation.records import Clip


class VlmConfig(ServedModelConfig):
    """Video captions by a vision-language model, e.g. Qwen2.5-VL, Qwen3-VL, InternVL3, SmolVLM2."""

    kind: Literal["vlm"] = Field("vlm", description="A vision-language model behind a server")
    prompt: str = operational("video.v1", description="Prompt of the package, or the path of your own")
    max_frames: int = Field(16, ge=1, le=128, description="Most frames of a clip that the model sees")
    frame_short_side_px: int = Field(
        360, ge=28, le=2160, description="Short side of those frames, in pixels; never enlarged"
    )


class VlmCaptioner(ServedCaptioner):
    """Asks a model what a clip shows; its frames are the source's, each after its time."""

    name: ClassVar[str] = "caption_video"
    version: ClassVar[str] = "2"
    modality: ClassVar[Modality] = Modality.VIDEO
    without_media: ClassVar[Unusable | None] = Unusable(NO_FRAMES)

    config: VlmConfig

    def __init__(self, config: VlmConfig, workspace: Workspace) -> None:
        super().__init__(config, config.prompt, workspace)
        self.config = config

    def fingerprints(self) -> Mapping[str, str]:
        """The prompt, what tells languages, and what makes frames smaller."""
        return {**super().fingerprints(), "pillow": importlib.metadata.version("pillow")}

    def parts(self, clip: Clip) -> Callable[[], Iterable[Part]] | None:
        """Chosen frames, each after its time."""
        return partial(self._frames, clip) if clip.frames else None

    def shaped_by(self) -> Mapping[str, Any]:
        """How many frames, and how large."""
        return {"frames": self.config.max_frames, "frame_short_side_px": self.config.frame_short_side_px}

    def _frames(self, clip: Clip) -> Iterator[Part]:
        frames = jpegs(clip, self._workspace.media, self.config.max_frames, self.config.frame_short_side_px)
        for time_s, jpeg in frames:
            yield Text(f"{time_s:.1f} s:")
            yield Picture(jpeg)
