"""Audio captions by an audio-language model: what is heard, not what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from captioning.client.requests import Part, Sound
from captioning.records import Modality
from captioning.served import ServedModelConfig
from captioning.served_captions import ServedCaptioner
from curation.base.config import operational
from curation.base.media_store import MediaRef
from curation.base.workspace import Workspace
from curation.records import Clip


class AlmConfig(ServedModelConfig):
    """Audio captions by an audio-language model, e.g. Qwen2-Audio, Audio Flamingo 3, Qwen3-Omni."""

    kind: Literal["alm"] = Field("alm", description="An audio-language model behind a server")
    prompt: str = operational("audio.v1", description="Prompt of the package, or the path of your own")


class AlmCaptioner(ServedCaptioner):
    """Asks a model what a clip sounds like; the caption of a clip without sound is empty."""

    name: ClassVar[str] = "caption_audio"
    version: ClassVar[str] = "1"
    modality: ClassVar[Modality] = Modality.AUDIO

    config: AlmConfig

    def __init__(self, config: AlmConfig, workspace: Workspace) -> None:
        super().__init__(config, config.prompt, workspace)
        self.config = config

    def parts(self, clip: Clip) -> Callable[[], Iterable[Part]] | None:
        """Its FLAC."""
        return None if clip.audio is None else partial(self._sound, clip.audio)

    def _sound(self, audio: MediaRef) -> Iterator[Part]:
        yield Sound(self._workspace.media.read(audio), "flac")
