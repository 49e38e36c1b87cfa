"""Negation: what the claim denies and the lines assert, or the other way round."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from captioning.fusion.checks.case import Case
from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Sentence
from captioning.fusion.lexicon.likeness import likeness, opposed
from captioning.fusion.lexicon.wordlists import listing
from captioning.fusion.lexicon.wordnet import Pos

DENIED = 0.75
NO_COUNTERPART = 0.52
_LIKE = 0.75
_NEGATIVE = frozenset(listing("not no never nobody nothing none without nor neither hardly barely unable"))
_INSTEAD = ("without", "rather_than", "instead_of")


def wrong_negations(case: Case) -> Iterator[Problem]:
    """Words whose polarity differs from all their like in the cited lines."""
    ours = polarities(case.claim.text)
    theirs = [item for line in case.cited for item in polarities(line.source.text)]
    their_negation = any(negative for _, _, negative in theirs)
    for lemma, pos, negative in ours:
        like = [
            other
            for word, kind, other in theirs
            if kind == pos
            and (
                lemma == word
                or max(likeness(lemma, pos, word, kind), likeness(word, kind, lemma, pos)) >= _LIKE
            )
        ]
        against = [other for word, _, other in theirs if opposed(lemma, word)]
        if negative and not their_negation:
            if like:
                yield Problem(ProblemKind.NEGATION, f"not {lemma}", DENIED)
            elif not any(not other for other in against):
                yield Problem(ProblemKind.NEGATION, f"not {lemma}", NO_COUNTERPART)
        elif like and negative not in like and not any(other != negative for other in against):
            yield Problem(ProblemKind.NEGATION, f"{'not ' if negative else ''}{lemma}", DENIED)


@functools.lru_cache(maxsize=1024)
def polarities(text: str) -> tuple[tuple[str, Pos, bool], ...]:
    """Verbs, predicates and heads of noun phrases of a text, and whether they are denied."""
    sentence = parse(text)
    denied = _denied(sentence)
    found: list[tuple[str, Pos, bool]] = []
    for word in sentence.words:
        if word.pos == "v" or word.place in denied:
            found.append((word.lemma, word.pos, word.place in denied))
        elif word.pos in "na":
            found.append((word.lemma, word.pos, False))
    return tuple(dict.fromkeys(found))


def _denied(sentence: Sentence) -> set[int]:
    """Places of the words that a negation applies to."""
    places: set[int] = set()
    for event in sentence.events:
        if not event.negated:
            continue
        if event.verb == "be":
            predicate = next(
                (
                    word.place
                    for word in sentence.words
                    if word.place >= event.end and word.pos in "anv" and word.tag != "NNP"
                ),
                event.place,
            )
            places.add(predicate)
        else:
            places.add(event.place)
    doers = {at for event in sentence.events if event.negated for at in event.subjects}
    for number, mention in enumerate(sentence.mentions):
        if (mention.negated and number not in doers) or mention.prep in _INSTEAD:
            places.add(mention.place)
    starts = {mention.start for mention in sentence.mentions}
    for at, form in enumerate(sentence.forms):
        if at + 1 in starts and form in _INSTEAD:
            continue
        if form in _INSTEAD or (
            form == "not" and not any(event.start <= at < event.end for event in sentence.events)
        ):
            following = next((word.place for word in sentence.words if word.place > at), None)
            if following is not None:
                places.add(following)
    return places
