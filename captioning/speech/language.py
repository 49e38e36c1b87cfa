"""The language of a source, by a vote of its first pieces of speech."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from curation.base.records import round_score

VOTING_PIECES = 5
"""Pieces that vote, up to 2.5 minutes of speech: one piece may be music, a name, or another speaker."""
RECORDED = 3
"""Languages whose share of the vote is written down."""

_NAMES = {
    "arabic": "ar",
    "cantonese": "yue",
    "chinese": "zh",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "mandarin": "zh",
    "norwegian": "no",
    "persian": "fa",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "thai": "th",
    "turkish": "tr",
    "ukrainian": "uk",
    "vietnamese": "vi",
}


def code_of(language: str | None) -> str | None:
    """The ISO 639-1 code (639-3 where there is none) of what a server calls a language: a code, one with a
    region, or an English name. None where it is neither."""
    name = (language or "").strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    code = name.replace("_", "-").split("-")[0]
    return code if len(code) in (2, 3) and code.isascii() and code.isalpha() and code != "und" else None


def vote(ballots: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Languages with their share (0..1) of a vote, the first one the winner.

    A ballot is how long somebody spoke, in seconds, and how likely each language is there: each second counts
    for every language by its probability. Equal shares go by the code's letters. Empty without votes.
    """
    votes: defaultdict[str, float] = defaultdict(float)
    for speech_s, languages in ballots:
        for language, probability in languages.items():
            votes[language] += speech_s * probability
    total = sum(votes.values())
    if not total:
        return {}
    shares = {language: round_score(votes[language] / total) for language in votes}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:RECORDED])
