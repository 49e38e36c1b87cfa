"""What recognisers give: words, utterances, and what was recognised in a piece of sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from captioning.records import DoubtReason


@dataclass(frozen=True)
class Word:
    """A recognised word; times in seconds from the first sample of its piece.

    `confidence` (0..1) is the recogniser's own: how sure it is of this word against others it knows, not how
    likely the word is right.
    """

    start_s: float
    end_s: float
    text: str
    confidence: float


@dataclass(frozen=True)
class Utterance:
    """Text that a recogniser judged as one, with its time in seconds from the first sample of its piece.

    `words` is empty where the recogniser gives no times of words; they then have its `confidence` (0..1).
    `mean_logprob` of its tokens and `no_speech` (how likely nobody speaks, 0..1) are None where it does not
    say. `doubt` is a doubt of its own, with the figures behind it.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float = 0.5
    mean_logprob: float | None = None
    no_speech: float | None = None
    doubt: tuple[DoubtReason, str] | None = None


@dataclass(frozen=True)
class Recognised:
    """What was recognised in one piece, in order of time.

    `languages` maps ISO 639-1 codes to how likely each is spoken (0..1, the likeliest are enough); it is
    empty where the recogniser was told the language or cannot tell. `doubt` says why nothing could be
    recognised.
    """

    utterances: tuple[Utterance, ...] = ()
    languages: Mapping[str, float] = field(default_factory=dict)
    doubt: tuple[DoubtReason, str] | None = None
