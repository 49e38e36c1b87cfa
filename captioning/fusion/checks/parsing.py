"""Text to Sentence: tokens, tags, phrases, roles. Parses are kept, since lines are cited many times."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from captioning.fusion.checks.closed_words import JOINED
from captioning.fusion.checks.noun_phrases import noun_phrases
from captioning.fusion.checks.retagging import retag
from captioning.fusion.checks.roles import Roles
from captioning.fusion.checks.sentence import Event, Sentence, Word
from captioning.fusion.checks.tagger import tag
from captioning.fusion.checks.tokens import Token, tokenise
from captioning.fusion.checks.verb_groups import verb_groups
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.wordnet import Pos, wordnet

MAX_TOKENS = 200
"""Longer texts are cut here: a claim or a line is a sentence or two."""
POS: dict[str, Pos] = {
    **dict.fromkeys(("N", "NS", "NNP"), "n"),
    **dict.fromkeys(("VB", "VBZ", "VBD", "VBG"), "v"),
    "J": "a",
    "R": "r",
}
_JOINED = tuple(tuple(name.split("_")) for name in JOINED)
_STARTS = frozenset(name[0] for name in _JOINED)


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Sentence:
    """The shallow parse of a text."""
    tokens = _join(tokenise(text))[:MAX_TOKENS]
    forms = tuple(token.low for token in tokens)
    tags = retag(forms, tag(tokens))
    mentions = noun_phrases(forms, tags, [token.hyphen for token in tokens])
    taken = [False] * len(tags)
    for mention in mentions:
        taken[mention.start : mention.end] = [True] * (mention.end - mention.start)
    events = verb_groups(forms, tags, taken)
    clauses = _clauses(forms, tags)
    for mention in mentions:
        mention.clause = clauses[mention.place]
    for event in events:
        event.clause = clauses[event.place]
    Roles(forms, tags, mentions, events).assign()
    words = _words(tokens, tags, events)
    return Sentence(
        text=text,
        forms=forms,
        tags=tags,
        quoted=tuple(token.quoted for token in tokens),
        words=words,
        mentions=tuple(mentions),
        events=tuple(events),
        clauses=clauses,
        lemmas=frozenset(forms)
        | {word.lemma for word in words}
        | {name for word in words for name in word.phrases},
    )


def _join(tokens: Sequence[Token]) -> list[Token]:
    """`in front of` and its like become one token."""
    joined: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.low in _STARTS:
            for name in _JOINED:
                if tuple(other.low for other in tokens[at : at + len(name)]) == name:
                    low = "_".join(name)
                    token = Token(low, low, False, token.quoted)
                    at += len(name) - 1
                    break
        joined.append(token)
        at += 1
    return joined


def _clauses(forms: Sequence[str], tags: Sequence[str]) -> tuple[int, ...]:
    number = 0
    numbers = []
    for form, tag_ in zip(forms, tags, strict=True):
        if (
            tag_ == "SC"
            or form in (".", ";", ":", "!", "?", ",")
            or (tag_ == "CC" and form in ("but", "then", "and"))
        ):
            number += 1
        numbers.append(number)
    return tuple(numbers)


def _words(tokens: Sequence[Token], tags: Sequence[str], events: Sequence[Event]) -> tuple[Word, ...]:
    particles = {event.place: f"{event.verb}_{event.particle}" for event in events if event.particle}
    words = []
    for place, (token, name) in enumerate(zip(tokens, tags, strict=True)):
        pos = POS.get(name)
        if pos is None:
            continue
        base = lemma(token.low, pos) or _unknown(token.low, name)
        phrases = [particles[place]] if place in particles else []
        phrases += _compounds(tokens, place)
        words.append(Word(base, pos, token.low, place, name, name == "NNP", tuple(phrases)))
    return tuple(words)


def _unknown(low: str, tag_: str) -> str:
    """A lemma for what WordNet lacks: a plural loses its s."""
    return low[:-1] if tag_ == "NS" and low.endswith("s") and len(low) > 3 else low


def _compounds(tokens: Sequence[Token], place: int) -> list[str]:
    """WordNet's compounds of two or three neighbouring tokens that this one is part of."""
    found = []
    for length in (2, 3):
        for start in range(max(0, place - length + 1), min(place, len(tokens) - length) + 1):
            parts = [token.low for token in tokens[start : start + length]]
            if not all(part.isalpha() for part in parts):
                continue
            last = lemma(parts[-1], "n") or parts[-1]
            name = "_".join((*parts[:-1], last))
            if wordnet().senses(name, "n"):
                found.append(name)
            elif length == 2 and wordnet().senses("".join((*parts[:-1], last)), "n"):
                found.append("".join((*parts[:-1], last)))
    return found
