"""What a check can find wrong with a claim, and the verdict over all of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from captioning.records import SupportScore

DEFAULT_THRESHOLD = 0.5
"""Claims that score less are unsupported; see docs/fusion.md for what this costs and finds."""


class ProblemKind(StrEnum):
    """What is wrong with a claim."""

    UNKNOWN_LINE = "unknown_line"
    NO_CITATION = "no_citation"
    UNSUPPORTED_WORD = "unsupported_word"
    NUMBER = "number"
    COLOUR = "colour"
    NAME = "name"
    NEGATION = "negation"
    CONTRADICTION = "contradiction"
    ACTOR = "actor"
    ATTRIBUTE_BINDING = "attribute_binding"
    ORDER = "order"
    ADDED_OBJECT = "added_object"
    INVENTED_SPEECH = "invented_speech"
    WRONG_SPEAKER = "wrong_speaker"
    PLACE = "place"
    EMOTION = "emotion"
    RELATION = "relation"
    SOUND_AS_SIGHT = "sound_as_sight"
    WRONG_CITATION = "wrong_citation"
    ENTAILMENT = "entailment"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `weight` in 0..1 is the share of the claim's support that it takes."""

    kind: ProblemKind
    detail: str
    weight: float


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """How well the cited lines carry a claim.

    `support` says for each cited modality how far its lines alone carry the claim's words (0..1);
    `score` is the whole claim's (0..1).
    """

    score: float
    support: tuple[SupportScore, ...]
    problems: tuple[Problem, ...]

    def supported(self, threshold: float = DEFAULT_THRESHOLD) -> bool:
        """Whether the score reaches a threshold in 0..1."""
        return self.score >= threshold
