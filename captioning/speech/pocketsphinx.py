"""Speech recognition without weights to download: rough English, labelled so."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.records import DoubtReason
from captioning.speech.decoder import LEVEL_RMS, MAX_ACTIVE_HMMS, WordDecoder
from captioning.speech.heard import Recognised, Utterance, Word
from captioning.speech.recogniser import Recogniser, SpeechConfig
from curation.base.records import round_score
from curation.base.stages import Resources

MODEL = "pocketsphinx en-us"
LANGUAGE = "en"


class PocketsphinxConfig(SpeechConfig):
    """Rough English speech recognition, offline, behind voice activity detection."""

    kind: Literal["pocketsphinx"] = Field(
        "pocketsphinx", description="Rough English; its model is inside the pocketsphinx package"
    )
    min_confidence: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Least mean word confidence of a piece of speech (up to 30 s); less is not text",
    )
    min_speech_s: float = Field(
        1.0, ge=0, le=30, description="Least speech in a piece, in seconds; less is not recognised"
    )


class PocketsphinxRecogniser(Recogniser):
    """The English model that ships inside the pocketsphinx package; whatever is said comes out as English."""

    model = MODEL
    language = LANGUAGE
    resources = Resources(cpus=1.0, memory_bytes=768 << 20, batch_size=1)

    def __init__(self, config: PocketsphinxConfig) -> None:
        self._config = config

    @property
    def revision(self) -> str:
        """The package's version, which is the model's."""
        return importlib.metadata.version("pocketsphinx")

    def setup(self) -> None:
        """Load the acoustic and language models."""
        self._decode = WordDecoder()

    def fingerprints(self) -> Mapping[str, str]:
        """The package, with the model inside."""
        return {"pocketsphinx": self.revision}

    def parameters(self) -> Mapping[str, Any]:
        """What shapes the text besides the model."""
        return {
            "min_confidence": self._config.min_confidence,
            "level_rms": LEVEL_RMS,
            "max_active_hmms": MAX_ACTIVE_HMMS,
        }

    def forget(self) -> None:
        """Undo the adaptation to what was heard."""
        self._decode.forget()

    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        """The words of each sound, with a doubt where they are unsure on the whole."""
        return [self._heard(sound) for sound in sounds]

    def _heard(self, sound: Floats) -> Recognised:
        words = self._decode(sound)
        utterance = Utterance(
            start_s=0.0,
            end_s=len(sound) / SAMPLE_RATE_HZ,
            text=" ".join(word.text for word in words),
            words=tuple(words),
            doubt=unsure(words, self._config.min_confidence),
        )
        return Recognised((utterance,) if words else ())


def unsure(words: Sequence[Word], min_confidence: float) -> tuple[DoubtReason, str] | None:
    """Why words are unsure on the whole.

    Real speech that came out readable had a mean confidence of 0.42 to 0.69, whole pieces of wrong words
    0.04 to 0.27.
    """
    if not words:
        return None
    mean = round_score(sum(word.confidence for word in words) / len(words))
    if mean >= min_confidence:
        return None
    return DoubtReason.UNLIKELY, f"mean word confidence {mean:g}, below {min_confidence:g}"
