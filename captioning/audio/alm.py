"""Audio captions by an audio-language model: what is heard, not what is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from captioning.client.requests import ChatRequest, Sound
from captioning.language import language_fingerprints
from captioning.lines import SCHEMA
from captioning.prompts import load_prompt
from captioning.records import Caption, Modality
from captioning.serve.config import units_in_flight
from captioning.served import Question, ServedModelConfig, ask, open_client
from captioning.served_captions import facts_of_clip, served_caption
from curation.base.config import operational
from curation.base.media_store import MediaRef
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.records import Clip


class AlmConfig(ServedModelConfig):
    """Audio captions by an audio-language model, e.g. Qwen2-Audio, Audio Flamingo 3, Qwen3-Omni."""

    kind: Literal["alm"] = Field("alm", description="An audio-language model behind a server")
    prompt: str = operational("audio.v1", description="Prompt of the package, or the path of your own")


class AlmCaptioner(Map[Clip, Caption]):
    """Asks a model what a clip sounds like; of a clip without sound nobody is asked, its caption is empty."""

    name: ClassVar[str] = "caption_audio"
    version: ClassVar[str] = "1"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Caption]] = Caption
    resources: ClassVar[Resources] = Resources(cpus=0.25, memory_bytes=1 << 30, batch_size=32)

    config: AlmConfig

    def __init__(self, config: AlmConfig, workspace: Workspace) -> None:
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
        """The prompt, and what tells languages."""
        return {"prompt": self._prompt.sha256, **language_fingerprints()}

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption, or one reject, per clip."""
        questions = [
            Question(clip, clip.video_id, partial(self._request, clip, clip.audio))
            for clip in batch
            if clip.audio is not None
        ]
        for clip in batch:
            if clip.audio is None:
                yield served_caption(self, self.config, self._prompt, clip, Modality.AUDIO, None)
        for clip, said in ask(self._client, questions, facts_of_clip):
            yield served_caption(self, self.config, self._prompt, clip, Modality.AUDIO, said)

    def _request(self, clip: Clip, audio: MediaRef) -> ChatRequest:
        return ChatRequest(
            self.config.asked,
            (Sound(self._workspace.media.read(audio), "flac"),),
            self.config.sampling,
            system=self._prompt.filled(duration=f"{clip.duration_s:.1f}"),
            schema=SCHEMA,
        )
