"""What is asked of a model server. Media travel as bytes, never as URLs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from curation.base.config import Config


class SamplingConfig(Config):
    """How a model chooses its words."""

    temperature: float = Field(0.0, ge=0, le=2, description="0 takes the likeliest word each time")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Share of the probability that words are drawn from, likeliest first"
    )
    max_tokens: int = Field(512, ge=1, le=32768, description="Most tokens of an answer")
    seed: int = Field(0, ge=0, description="Seed of the draw, where temperature is above 0")


@dataclass(frozen=True)
class Model:
    """A model as its server names it, the revision (a commit or a hash) that the user pinned, and how its
    weights were made smaller, if they were: all that decides what it says."""

    name: str
    revision: str
    quantization: str | None = None


@dataclass(frozen=True)
class Text:
    """Words of a message."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A JPEG file's bytes."""

    jpeg: bytes


@dataclass(frozen=True)
class Sound:
    """A sound file's bytes in the format named."""

    data: bytes
    format: Literal["wav", "flac", "mp3"]


Part = Text | Picture | Sound


@dataclass(frozen=True)
class ChatRequest:
    """One turn: an instruction (`system`), and a message of parts in order.

    `schema` is a JSON schema that the answer must follow; `answer` is checked by who asked, not here.
    """

    model: Model
    parts: tuple[Part, ...]
    sampling: SamplingConfig
    system: str | None = None
    schema: Mapping[str, Any] | None = None

    @cached_property
    def digest(self) -> str:
        """Hash of all that shapes the answer (64 hex digits): model, revision, words, settings, media."""
        return _digest(
            "chat",
            *astuple(self.model),
            self.system,
            [_part(part) for part in self.parts],
            self.sampling.semantic(),
            self.schema,
        )


@dataclass(frozen=True)
class TranscriptionRequest:
    """What is said in a piece of sound; `language` is an ISO 639-1 code, None to let the model find it."""

    model: Model
    sound: Sound
    language: str | None = None
    temperature: float = 0.0

    @cached_property
    def digest(self) -> str:
        """Hash of all that shapes the answer (64 hex digits)."""
        return _digest(
            "transcription",
            *astuple(self.model),
            _part(self.sound),
            self.language,
            self.temperature,
        )


Request = ChatRequest | TranscriptionRequest


def _part(part: Part) -> list[str]:
    if isinstance(part, Text):
        return ["text", part.text]
    if isinstance(part, Picture):
        return ["jpeg", hashlib.sha256(part.jpeg).hexdigest()]
    return [part.format, hashlib.sha256(part.data).hexdigest()]


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
