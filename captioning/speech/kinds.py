"""The kinds of speech recognition."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from captioning.speech.faster_whisper import FasterWhisperConfig, FasterWhisperRecogniser
from captioning.speech.pocketsphinx import PocketsphinxConfig, PocketsphinxRecogniser
from captioning.speech.recogniser import Recogniser
from captioning.speech.transcriber import Transcriber
from captioning.speech.vllm import VllmRecogniser, VllmSpeechConfig
from captioning.speech.whisper import WhisperConfig, WhisperRecogniser
from curation.base.workspace import Workspace
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits

SpeechKindConfig = Annotated[
    PocketsphinxConfig | WhisperConfig | FasterWhisperConfig | VllmSpeechConfig, Field(discriminator="kind")
]


def transcriber(
    config: SpeechKindConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
) -> Transcriber:
    """The stage that a config calls for; `setup` loads what it needs."""
    return Transcriber(_recogniser(config, workspace), config, workspace, limits)


def _recogniser(config: SpeechKindConfig, workspace: Workspace) -> Recogniser:
    match config:
        case PocketsphinxConfig():
            return PocketsphinxRecogniser(config)
        case WhisperConfig():
            return WhisperRecogniser(config)
        case FasterWhisperConfig():
            return FasterWhisperRecogniser(config)
        case VllmSpeechConfig():
            return VllmRecogniser(config, workspace)
