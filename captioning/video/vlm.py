"""Video captions by a vision-language model that sees a clip's frames together."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from captioning.client.requests import ChatRequest, Part, Picture, Text
from captioning.language import language_fingerprints
from captioning.lines import SCHEMA
from captioning.prompts import load_prompt
from captioning.records import Caption, Modality, Segment
from captioning.serve.config import units_in_flight
from captioning.served import Question, ServedModelConfig, Unusable, Used, ask, open_client
from captioning.served_captions import facts_of_clip, served_caption
from captioning.video.chosen import NO_FRAMES, jpegs
from curation.base.config import operational
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
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


class VlmCaptioner(Map[Clip, Caption]):
    """Asks a model what a clip shows; its frames are the source's, each after its time."""

    name: ClassVar[str] = "caption_video"
    version: ClassVar[str] = "2"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Caption]] = Caption
    resources: ClassVar[Resources] = Resources(cpus=0.25, memory_bytes=1 << 30, batch_size=32)

    config: VlmConfig

    def __init__(self, config: VlmConfig, workspace: Workspace) -> None:
        self.config = config
        self.resources = replace(  # type: ignore[misc]  # the runner asks the instance
            self.resources, units_in_flight=units_in_flight(config.server)
        )
        self._workspace = workspace
        self._prompt = load_prompt(config.prompt, "duration")

    def setup(self) -> None:
        """Open the client."""
        self._client = open_client(self.config, self._workspace, self.name)

    def fingerprints(self) -> Mapping[str, str]:
        """The prompt, what makes frames smaller, and what tells languages."""
        return {
            "prompt": self._prompt.sha256,
            "pillow": importlib.metadata.version("pillow"),
            **language_fingerprints(),
        }

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption, or one reject, per clip."""
        for clip in batch:
            if not clip.frames:
                yield self._caption(clip, Unusable(NO_FRAMES))
        questions = [
            Question(clip, clip.video_id, partial(self._request, clip)) for clip in batch if clip.frames
        ]
        for clip, said in ask(self._client, questions, facts_of_clip):
            yield self._caption(clip, said)

    def _caption(self, clip: Clip, said: Used[list[Segment]] | Unusable) -> Caption | Rejected:
        return served_caption(
            self,
            self.config,
            self._prompt,
            clip,
            Modality.VIDEO,
            said,
            frames=self.config.max_frames,
            frame_short_side_px=self.config.frame_short_side_px,
        )

    def _request(self, clip: Clip) -> ChatRequest:
        parts: list[Part] = []
        frames = jpegs(clip, self._workspace.media, self.config.max_frames, self.config.frame_short_side_px)
        for time_s, jpeg in frames:
            parts += [Text(f"{time_s:.1f} s:"), Picture(jpeg)]
        return ChatRequest(
            self.config.asked,
            tuple(parts),
            self.config.sampling,
            system=self._prompt.filled(duration=f"{clip.duration_s:.1f}"),
            schema=SCHEMA,
        )
