"""Video captions the way InternVid and InternVideo2 made them: each frame alone, then a summary."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from captioning.client.answers import Answer
from captioning.client.requests import ChatRequest, Picture, Text
from captioning.fence import fenced
from captioning.language import language_fingerprints
from captioning.lines import MAX_LINE_CHARS, SCHEMA, UnusableAnswer, said
from captioning.prompts import load_prompt
from captioning.provenance import without_folders
from captioning.records import Caption, Modality
from captioning.served import Question, ServedModelConfig, Unusable, ask, for_server, open_client
from captioning.served_captions import facts_of_clip, served_caption
from captioning.video.chosen import NO_FRAMES, chosen_frames, fitting_jpeg
from curation.base.config import Config, operational
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.media.text import plain_text
from curation.records import Clip, Frame


class FrameByFrameConfig(Config):
    """An image captioner for single frames, and a language model that sums them up."""

    kind: Literal["frames"] = Field(
        "frames", description="Captions of single frames, summed up by a language model (InternVid)"
    )
    frame: ServedModelConfig = Field(..., description="The model that sees one frame at a time")
    frame_prompt: str = operational("frame.v1", description="Prompt of the package, or the path of your own")
    max_frames: int = Field(8, ge=1, le=64, description="Most frames of a clip that are described")
    frame_short_side_px: int = Field(
        360, ge=28, le=2160, description="Short side of those frames, in pixels; never enlarged"
    )
    summary: ServedModelConfig = Field(..., description="The language model that sums up")
    summary_prompt: str = operational(
        "summary.v1", description="Prompt of the package, or the path of your own"
    )


@dataclass(frozen=True)
class _Still:
    clip: Clip
    frame: Frame


class FrameByFrameCaptioner(Map[Clip, Caption]):
    """Has frames described one by one, and the descriptions summed up (InternVideo2, arXiv 2403.15377,
    appendix B.2: better downstream than captions by a video model)."""

    name: ClassVar[str] = "caption_video"
    version: ClassVar[str] = "2"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Caption]] = Caption
    resources: ClassVar[Resources] = Resources(cpus=0.25, memory_bytes=1 << 30, batch_size=32)

    config: FrameByFrameConfig

    def __init__(self, config: FrameByFrameConfig, workspace: Workspace) -> None:
        self.config = config
        # The runner asks the instance.
        self.resources = for_server(self.resources, config.frame.server)  # type: ignore[misc]
        self._workspace = workspace
        self._frame_prompt = load_prompt(config.frame_prompt)
        self._summary_prompt = load_prompt(config.summary_prompt, "duration", "frames")

    def setup(self) -> None:
        """Open a client for each model."""
        self._describers = open_client(self.config.frame, self._workspace, f"{self.name}_frames")
        self._summarisers = open_client(self.config.summary, self._workspace, self.name)

    def fingerprints(self) -> Mapping[str, str]:
        """The prompts, what makes frames smaller, and what tells languages."""
        return {
            "frame_prompt": self._frame_prompt.sha256,
            "summary_prompt": self._summary_prompt.sha256,
            "pillow": importlib.metadata.version("pillow"),
            **language_fingerprints(),
        }

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption, or one reject, per clip."""
        stills = [
            Question(_Still(clip, frame), clip.video_id, partial(self._description, frame))
            for clip in batch
            for frame in chosen_frames(clip, self.config.max_frames)
        ]
        described: dict[str, list[tuple[float, str]]] = {clip.clip_id: [] for clip in batch}
        failed: dict[str, Unusable] = {}
        for still, told in ask(self._describers, stills, _sentence):
            if isinstance(told, Unusable):
                failed[still.clip.clip_id] = told
            else:
                described[still.clip.clip_id].append((still.frame.time_s, told.value))
        questions = [
            Question(clip, clip.video_id, partial(self._summary, clip, described[clip.clip_id]))
            for clip in batch
            if described[clip.clip_id]
        ]
        for clip in batch:
            if not described[clip.clip_id]:
                why = failed.get(clip.clip_id, Unusable(NO_FRAMES))
                yield served_caption(self, self.config.frame, self._frame_prompt, clip, Modality.VIDEO, why)
        for clip, lines in ask(self._summarisers, questions, facts_of_clip):
            yield served_caption(
                self,
                self.config.summary,
                self._summary_prompt,
                clip,
                Modality.VIDEO,
                lines,
                frames=self.config.max_frames,
                frame_model=[without_folders(self.config.frame.model), self.config.frame.revision],
                frame_prompt_sha256=self._frame_prompt.sha256,
                frame_sampling=self.config.frame.decoding(),
                frame_short_side_px=self.config.frame_short_side_px,
                frames_described=len(described[clip.clip_id]),
            )

    def _description(self, frame: Frame) -> ChatRequest:
        config = self.config
        return ChatRequest(
            config.frame.asked,
            (Picture(fitting_jpeg(frame, self._workspace.media, config.frame_short_side_px)),),
            config.frame.sampling,
            system=self._frame_prompt.filled(),
        )

    def _summary(self, clip: Clip, described: Sequence[tuple[float, str]]) -> ChatRequest:
        frames = fenced("\n".join(f"[{time_s:.1f} s] {text}" for time_s, text in described))
        return ChatRequest(
            self.config.summary.asked,
            (Text(self._summary_prompt.filled(duration=f"{clip.duration_s:.1f}", frames=frames)),),
            self.config.summary.sampling,
            schema=SCHEMA,
        )


def _sentence(still: _Still, answer: Answer) -> str:
    text = plain_text(said(answer), MAX_LINE_CHARS)
    if not any(char.isalnum() for char in text):
        raise UnusableAnswer("has no words")
    return text
