"""What recognisers share: sound in pieces comes in, timed words with the recogniser's own doubts come out."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from captioning.audio.silero import Floats
from captioning.speech.guards import GuardsConfig
from captioning.speech.heard import Recognised
from captioning.speech.language import CODES
from curation.base.config import Config
from curation.base.stages import Resources

AUTO = "auto"


class SpeechConfig(Config):
    """What all recognisers are asked."""

    min_speech_s: float = Field(
        0.5, ge=0, le=30, description="Least speech in a piece, in seconds; less is not recognised"
    )
    guards: GuardsConfig = Field(GuardsConfig(), description="When text counts as made up.")


class SpokenLanguageConfig(SpeechConfig):
    """The same of recognisers that know several languages."""

    language: str = Field(
        AUTO,
        pattern=r"^(auto|[a-z]{2,3})$",
        description="ISO 639-1 code of what is spoken; auto: found for each source",
    )

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        if language != AUTO and language not in CODES:
            raise ValueError(f"no such language; known are {', '.join(sorted(CODES))}, and auto")
        return language


def installed(packages: Iterable[str], kind: str) -> dict[str, str]:
    """The versions of packages that a kind of recogniser needs.

    Raises:
        ValueError: one is not installed.
    """
    try:
        return {name: importlib.metadata.version(name) for name in packages}
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"captioning.speech.kind = {kind} needs {error.name}, which is not installed. "
            "Install it with: pip install 'cliploom[whisper]'"
        ) from None


def english_only(language: str | None, model: str) -> str:
    """The language of weights that know no other than English.

    Raises:
        ValueError: another one is asked for.
    """
    if language not in (None, "en"):
        raise ValueError(
            f"captioning.speech.language = {language}, but {model} knows English only. Choose weights "
            "without .en, or language: en"
        )
    return "en"


class Recogniser(ABC):
    """Writes down speech in pieces of up to 30 s.

    `model` and `revision` are for provenance; `resources` is what one call of it takes; `pieces_per_call` is
    how many pieces it likes at once. `language` is the only one it knows, or None.
    """

    model: str
    language: str | None = None
    resources: Resources = Resources()
    pieces_per_call: int = 1

    @property
    @abstractmethod
    def revision(self) -> str:
        """Version or hash of what the text depends on."""

    def setup(self) -> None:  # noqa: B027 - not all have something to load
        """Load weights; called once per worker.

        Raises:
            ValueError: a package or the weights are missing; the message says what to do.
        """

    @abstractmethod
    def fingerprints(self) -> Mapping[str, str]:
        """Versions or hashes of what shapes the text, for the stage key."""

    @abstractmethod
    def parameters(self) -> Mapping[str, Any]:
        """Settings that shape the text, as plain JSON values, for provenance."""

    def forget(self) -> None:  # noqa: B027 - most have no memory
        """Return to the state after `setup`; called before each source."""

    @abstractmethod
    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        """What is said in each of some sounds (float32 mono, 16 kHz, up to 30 s) of a source.

        `unit` names the source; `language` is what is spoken, None to find out. Times count from the first
        sample of each sound.

        Raises:
            Retry: a passing fault.
        """
