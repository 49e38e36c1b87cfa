"""Names of speakers that stand before what they say: `Older man: stand clear`, `[child] again`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captioning.fusion.checks.case import Case, Line, carried
from captioning.fusion.checks.matching import alike
from captioning.fusion.checks.parsing import MAX_TOKENS, parse
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.reports import SAYING
from captioning.fusion.checks.sentence import Event, Mention
from captioning.fusion.checks.tokens import tokenise
from captioning.fusion.checks.topics import Topic
from captioning.fusion.lexicon.likeness import opposed
from captioning.fusion.lexicon.wordlists import listing
from captioning.records import Modality

_LABEL = re.compile(r"^\s*(?:[\[(]\s*([^\])]{1,40}?)\s*[\])]\s*:?|([A-Za-z][^:,;.!?]{0,39}?)\s*:(?!\d))\s+")
MAX_WORDS = 4
SPOKEN_LIKE = 0.75
OTHER_LABEL = 0.8
SAID = 0.3
"""A line says what a claim reports if at least this share of the words is in it."""
CLEARER = 0.15
"""And this much more than in the lines of other speakers."""
ASKED = 0.2
_ASKING = frozenset(listing("ask wonder inquire enquire"))
_WEIGHTS = {"n": 1.0, "v": 0.8, "a": 0.8, "r": 0.3}
_ANYONE = frozenset(listing("someone somebody speaker voice person they it one people announcement other"))


@dataclass(frozen=True, slots=True)
class Label:
    """A speaker's name: its head (commentator) and all its words (ringside, commentator)."""

    head: str
    words: frozenset[str]


@functools.lru_cache(maxsize=2048)
def label(text: str) -> Label | None:
    """The label that opens a line of speech."""
    found = _LABEL.match(text)
    if found is None:
        return None
    name = found.group(1) or found.group(2)
    if len(name.split()) > MAX_WORDS:
        return None
    sentence = parse(name.lower())
    if not sentence.mentions:
        return Label(name.lower(), frozenset(name.lower().split()))
    words = {word.lemma for word in sentence.words} | {word.form for word in sentence.words}
    return Label(sentence.mentions[0].head, frozenset(words | {sentence.mentions[0].head}))


def mislabelled(case: Case) -> Iterator[Problem]:
    """What the claim lets one speaker say, though a line with another one's label says it."""
    labelled = [
        (line, named)
        for line in (*case.cited, *case.others)
        if line.modality is Modality.SPEECH and (named := label(line.source.text)) is not None
    ]
    tellings = [telling for event in case.claim.events if (telling := _telling(case, event, labelled))]
    for at, (event, mention) in enumerate(tellings):
        start = event.end
        end = _end(case, start, tellings[at + 1 :], labelled)
        span = set(range(start, end)) - set(range(mention.start, mention.end))
        fits = [(_fit(case, event, span, line), line, named) for line, named in labelled]
        best, line, named = max(fits, key=lambda fit: (fit[0], fit[1] in case.cited))
        if best < SAID or any(best - fit < CLEARER and other.words != named.words for fit, _, other in fits):
            continue
        if not SAYING.intersection(event.names) and best < CLEARER + max(
            (_fit(case, event, span, seen) for seen in case.cited if seen.modality is not Modality.SPEECH),
            default=0.0,
        ):
            continue
        owner = case.claim.mentions[mention.owner].head if mention.owner >= 0 else ""
        here = resemblance(mention, owner, named)
        others = [resemblance(mention, owner, other) for _, other in labelled if other.words != named.words]
        if here < 0 or max(others, default=0.0) > here:
            detail = f"{mention.head} against {named.head} in {line.source.line}"
            yield Problem(ProblemKind.WRONG_SPEAKER, detail, OTHER_LABEL)


def _end(
    case: Case, start: int, later: Sequence[tuple[Event, Mention]], labelled: Sequence[tuple[Line, Label]]
) -> int:
    """Where what is said ends: at the next one's telling, or where `and` or a comma brings the next in."""
    ends = [place for event, mention in later for place in (event.start, mention.start) if place > start]
    ends += [
        mention.start
        for mention in case.claim.mentions
        if mention.start > start
        and case.claim.tags[mention.start - 1] in ("CC", "PUN", "SC")
        and any(resemblance(mention, "", named) >= 1 for _, named in labelled)
    ]
    return min(ends, default=MAX_TOKENS)


def _telling(
    case: Case, event: Event, labelled: Sequence[tuple[Line, Label]]
) -> tuple[Event, Mention] | None:
    """The event with its speaker, if it is one of saying or by somebody whom a label names."""
    mentions = [case.claim.mentions[at] for at in event.subjects[:1]]
    for mention in mentions:
        if mention.is_pronoun or mention.head in _ANYONE:
            continue
        if SAYING.intersection(event.names) or (
            event.is_finite and any(resemblance(mention, "", named) >= 1 for _, named in labelled)
        ):
            return event, mention
    return None


def _fit(case: Case, event: Event, claimed: set[int], line: Line) -> float:
    """The share of a stretch of the claim that a line says, apart from its label."""
    span = (label_length(line.source.text), MAX_TOKENS)
    got = total = 0.0
    for support in case.words:
        if support.word.place in claimed and support.topic is not Topic.FRAME:
            total += _WEIGHTS[support.word.pos]
            score = carried(support.word, line.source.text, span)
            got += _WEIGHTS[support.word.pos] * (score if score >= SPOKEN_LIKE else 0.0)
    for place, (form, tag) in enumerate(zip(case.claim.forms, case.claim.tags, strict=True)):
        if place in claimed and tag == "CD" and form != "one":
            total += 1.0
            got += form in line.sentence.forms[span[0] :]
    fit = got / total if total else 0.0
    if event.verb in _ASKING:
        fit += ASKED if "?" in line.sentence.forms else -ASKED
    return fit


def resemblance(mention: Mention, owner: str, named: Label) -> float:
    """How well a mention names the speaker of a label: 0 for another one, 1 for the same head, more where
    modifiers agree, -1 where the two exclude each other (man and woman, older and younger)."""
    ours = {mention.head, *mention.modifiers, *([owner] if owner else [])}
    if any(opposed(word, other) for word in ours for other in named.words):
        return -1.0
    same = alike(mention.head, named.head) >= SPOKEN_LIKE
    agree = bool((ours - {mention.head}) & named.words)
    return (1.0 if same else 0.0) + (0.5 if agree else 0.0)


@functools.lru_cache(maxsize=2048)
def label_length(text: str) -> int:
    """How many tokens of a line its label takes."""
    found = _LABEL.match(text)
    return len(tokenise(found.group())) if found is not None and label(text) is not None else 0
