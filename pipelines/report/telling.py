"""What the values in the records of captions mean, in words, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from captioning.records import DoubtReason, FusedCaption, Wording
from pipelines.report.wording import shown

MAX_REASON = 300

_HOW: Mapping[Wording, str] = {
    Wording.JOINED: "the lines joined, without a model",
    Wording.WRITTEN: "written by a model, every claim passed the checks",
    Wording.REWRITTEN: "written by a model a second time, after claims of its first draft were dropped",
    Wording.JOINED_INSTEAD: "the lines joined, as no draft of a model passed the checks",
}


def how(fused: FusedCaption) -> str:
    """How a fused text came to be."""
    reason = f" ({shown(fused.fallback_reason, MAX_REASON)})" if fused.fallback_reason else ""
    return _HOW[fused.wording] + reason


SHORT: Mapping[Wording, str] = {
    Wording.JOINED: "joined",
    Wording.WRITTEN: "written",
    Wording.REWRITTEN: "rewritten once",
    Wording.JOINED_INSTEAD: "joined instead",
}

WHY: Mapping[DoubtReason, str] = {
    DoubtReason.TOO_SHORT: "too short to hold words",
    DoubtReason.NO_WORDS: "no words were recognised",
    DoubtReason.FEW_WORDS: "too few words for its length",
    DoubtReason.MANY_WORDS: "more words than anyone says in that time",
    DoubtReason.LITTLE_SPEECH: "words where little speech was found",
    DoubtReason.UNLIKELY: "the recogniser was not sure of its words",
    DoubtReason.NO_SPEECH: "the recogniser took it for no speech",
    DoubtReason.COMPRESSIBLE: "the words repeat themselves",
    DoubtReason.LOOP: "the same words again and again",
    DoubtReason.KNOWN_PHRASE: "a phrase that recognisers are known to make up",
    DoubtReason.REFUSED: "the server refused it",
}
"""Why speech was not written down."""

GATES: Mapping[str, tuple[str, str]] = {
    "support_rate": ("supported", "share of the first draft's claims that the checks let pass"),
    "coverage": ("coverage", "share of the source lines whose facts are in the text"),
    "repetition": ("repetition", "share of runs of four words that stood in the text before"),
    "words": ("words", "words of the text"),
    "language": ("language", "probability that the text is in a language asked for"),
    "similarity": ("similarity", "cosine between the text and the mean of the frames"),
}
"""What a gate's score is called, and what it is."""
