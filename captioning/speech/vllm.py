"""Speech recognition by a model behind a server: OpenAI's transcription API, as vLLM has it."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.client.answers import Answer, Heard, Refused
from captioning.client.requests import Sound, TranscriptionRequest
from captioning.records import DoubtReason
from captioning.serve.config import units_in_flight
from captioning.served import ServedConfig, open_client
from captioning.speech.heard import Recognised, Utterance
from captioning.speech.language import code_of
from captioning.speech.recogniser import AUTO, Recogniser, SpokenLanguageConfig
from curation.base.config import operational
from curation.base.stages import Resources
from curation.base.workspace import Workspace
from curation.media.text import plain_text

STAGE = "transcribe"
LEAST_SOURCES = 8
MAX_CHARS = 2000
"""Longest text of one utterance: four times what is said in 30 s of fast speech."""
UNKNOWN_CONFIDENCE = 0.5
"""Of words of a server that does not say how likely they are."""


class VllmSpeechConfig(SpokenLanguageConfig, ServedConfig):
    """A speech recogniser behind a server, e.g. Whisper, Voxtral or Qwen3-ASR by vLLM."""

    kind: Literal["vllm"] = Field("vllm", description="A model behind a server with /v1/audio/transcriptions")
    pieces_in_flight: int = operational(
        16, ge=1, le=256, description="Pieces of a source that are on their way at once"
    )


class VllmRecogniser(Recogniser):
    """Sends pieces as WAV files. Text that comes without times of words is spread over the speech."""

    def __init__(self, config: VllmSpeechConfig, workspace: Workspace) -> None:
        self._config = config
        self._workspace = workspace
        self._asked = config.asked
        self.model = config.model
        self.language = None if config.language == AUTO else config.language
        self.pieces_per_call = config.pieces_in_flight
        # A source's whole sound is in memory while it is in hand, and it gives many pieces.
        units = max(LEAST_SOURCES, units_in_flight(config.server) // config.pieces_in_flight)
        self.resources = Resources(memory_bytes=1 << 30, batch_size=1, units_in_flight=units)

    @property
    def revision(self) -> str:
        """The commit that the user pinned."""
        return self._config.revision

    def setup(self) -> None:
        """Open the client."""
        self._client = open_client(self._config, self._workspace, STAGE)

    def fingerprints(self) -> Mapping[str, str]:
        """Nothing that is not in the config."""
        return {}

    def parameters(self) -> Mapping[str, Any]:
        """How tokens are chosen."""
        return {**self._config.decoding(), "language": self._config.language, "temperature": 0}

    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        """What the server heard in each sound; a sound that it refuses is in doubt."""
        requests = (TranscriptionRequest(self._asked, Sound(wav(sound), "wav"), language) for sound in sounds)
        answers = self._client.ask(requests, unit)
        return [
            _recognised(answer, len(sound) / SAMPLE_RATE_HZ, told=language is not None)
            for sound, answer in zip(sounds, answers, strict=True)
        ]


def wav(sound: Floats) -> bytes:
    """Samples (float32 mono, 16 kHz; what is beyond -1..1 is clipped) as a 16-bit WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return data.getvalue()


def _recognised(answer: Answer | Refused, duration_s: float, *, told: bool) -> Recognised:
    if isinstance(answer, Refused):
        return Recognised(doubt=(DoubtReason.REFUSED, plain_text(f"{answer.status}: {answer.detail}", 300)))
    # Some servers leave the segments out, or empty, and still tell the text.
    told_when = any(each.text.strip() for each in answer.heard)
    heard = answer.heard if told_when else (Heard(0.0, duration_s, answer.text),)
    utterances = (_utterance(each, duration_s) for each in heard)
    language = None if told else code_of(answer.language)
    return Recognised(tuple(each for each in utterances if each.text), {language: 1.0} if language else {})


def _utterance(heard: Heard, duration_s: float) -> Utterance:
    """A segment with times inside its sound: the whole of it where the server's make no sense."""
    start_s, end_s = heard.start_s, min(heard.end_s, duration_s)
    if start_s >= end_s:
        start_s, end_s = 0.0, duration_s
    logprob = heard.mean_logprob
    return Utterance(
        start_s=start_s,
        end_s=end_s,
        text=plain_text(heard.text, MAX_CHARS),
        confidence=UNKNOWN_CONFIDENCE if logprob is None else math.exp(min(0.0, logprob)),
        mean_logprob=logprob,
        no_speech=heard.no_speech,
    )
