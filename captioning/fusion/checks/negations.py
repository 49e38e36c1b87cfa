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
from captioning.records import Modality

DENIED = 0.8
NO_COUNTERPART = 0.6
_LIKE = 0.75
_NEGATIVE = frozenset(listing("not no never nobody nothing none without nor neither hardly barely unable"))
_IMPLIED = frozenset(
    listing(
        "against warn warning caution avoid doubt refuse deny prevent stop forbid fail lack otherwise unless "
        "rarely too only stay keep hold instead miss lose empty absence absent nothing"
    )
)
"""Words that deny in other ways than not."""
_CONDITIONAL = frozenset(listing("if unless otherwise"))
"""What depends on something may be told with or without not."""
_INSTEAD = ("without", "rather_than", "instead_of")


def wrong_negations(case: Case) -> Iterator[Problem]:
    """Words whose polarity differs from all their like in the cited lines of their kind."""
    spoken = {support.word.place for support in case.words if support.reported}
    heard = [line for line in case.cited if line.modality is Modality.SPEECH]
    told = [line for line in case.cited if line.modality is not Modality.SPEECH]
    implied = _implies(case.claim)
    for places, lemma, pos, negative in _with_places(case.claim):
        lines = heard if places & spoken else case.cited if negative else told
        lines = lines or case.cited
        theirs = [item for line in lines for item in polarities(line.source.text)]
        like = [other for word, kind, other in theirs if kind == pos and _is_like(lemma, word, pos)]
        against = [other for word, _, other in theirs if opposed(lemma, word)]
        if negative and not any(other for _, _, other in theirs):
            if any(not _CONDITIONAL.isdisjoint(line.sentence.forms) for line in lines):
                continue
            if like:
                yield Problem(ProblemKind.NEGATION, f"not {lemma}", DENIED)
            elif not any(not other for other in against) and not any(
                _implies(line.sentence) for line in lines
            ):
                yield Problem(ProblemKind.NEGATION, f"not {lemma}", NO_COUNTERPART)
        elif like and negative not in like and not any(other != negative for other in against):
            conditional = any(not _CONDITIONAL.isdisjoint(line.sentence.forms) for line in lines)
            if not negative and (implied or conditional):
                continue
            yield Problem(ProblemKind.NEGATION, f"{'not ' if negative else ''}{lemma}", DENIED)


def _implies(sentence: Sentence) -> bool:
    """Whether a text denies without saying not: warns against, avoids, doubts."""
    return not _NEGATIVE.union(_IMPLIED).isdisjoint(sentence.lemmas)


@functools.lru_cache(maxsize=16384)
def _is_like(claim: str, source: str, pos: Pos) -> bool:
    """Whether two words tell of the same, whichever is more general (verbs); nouns must be synonyms."""
    if claim == source:
        return True
    if pos == "v":
        return max(likeness(claim, pos, source, pos), likeness(source, pos, claim, pos)) >= _LIKE
    return likeness(claim, pos, source, pos) == 1.0


@functools.lru_cache(maxsize=1024)
def polarities(text: str) -> tuple[tuple[str, Pos, bool], ...]:
    """Verbs, predicates and heads of noun phrases of a text, and whether they are denied."""
    return tuple((lemma, pos, negative) for _, lemma, pos, negative in _with_places(parse(text)))


def _with_places(sentence: Sentence) -> list[tuple[frozenset[int], str, Pos, bool]]:
    """The same, with the places of the words."""
    denied = _denied(sentence)
    found: dict[tuple[str, Pos, bool], set[int]] = {}
    for word in sentence.words:
        if word.pos in "vna" or word.place in denied:
            found.setdefault((word.lemma, word.pos, word.place in denied), set()).add(word.place)
    return [(frozenset(places), *key) for key, places in found.items()]


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
