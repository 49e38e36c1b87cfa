"""Who does what to whom: each doing of the claim beside the like doings of the cited lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from captioning.fusion.checks.binding import attributes, carries
from captioning.fusion.checks.case import Case, Line
from captioning.fusion.checks.matching import Match, same_thing, verbs_alike
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Event, Mention, Sentence
from captioning.fusion.lexicon.likeness import opposed
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import colours, listing
from captioning.fusion.lexicon.wordnet import wordnet

_GENERIC = frozenset(
    listing("man woman boy girl person people child kid guy lady male female someone adult player group")
)
"""Words that may name anybody who has another name elsewhere."""
OTHER_DOER = 0.8
POLYSEMOUS = 12
"""Verbs of so many senses (give, take) may tell of two things."""
_SKIPPED = frozenset(
    listing(
        "be have do show see hear feature include depict contain accompany appear seem begin start "
        "continue keep become get go come make let use follow remain stay happen"
    )
)


def wrong_actors(case: Case) -> Iterator[Problem]:
    """Doings that the cited lines tell of somebody else, or the other way round."""
    reported = {place for report in case.reports for place in report.places}
    for event in case.claim.events:
        if event.verb in _SKIPPED or event.place in reported or not (event.subjects or event.objects):
            continue
        like = [
            (line, other)
            for line in case.cited
            if line.modality.letter != "S"
            for other in line.sentence.events
            if verbs_alike(event, other) == 1.0
        ]
        if like:
            problem = _judge(case, event, like)
            if problem is not None:
                yield problem


def _judge(case: Case, event: Event, like: Sequence[tuple[Line, Event]]) -> Problem | None:
    best: Problem | None = None
    for line, other in like:
        ours, theirs = case.claim, line.sentence
        doer = _compare(case, ours, event.subjects, theirs, other.subjects)
        if _is_mirrored(case, event, line, other):
            return None
        taker = _compare(case, ours, _takers(ours, event), theirs, _takers(theirs, other))
        if Match.NO not in (doer, taker):
            return None
        problem = _problem(case, event, line, other, doer)
        if problem is None:
            return None
        if best is None or problem.weight < best.weight:
            best = problem
    return best


def _is_mirrored(case: Case, event: Event, line: Line, other: Event) -> bool:
    """Gravel crunches under tyres and tyres crunch on gravel: without an object either may come first."""
    if event.objects or other.objects:
        return False
    number = line.sentence.events.index(other)
    around = [at for at, mention in enumerate(line.sentence.mentions) if mention.to_event == number]
    return _compare(case, case.claim, event.subjects, line.sentence, around) is Match.YES


def _problem(case: Case, event: Event, line: Line, other: Event, doer: Match) -> Problem | None:
    ours, theirs = case.claim, line.sentence
    crossed = _compare(case, ours, event.subjects, theirs, (*other.objects, *_takers(theirs, other)))
    others = [at for at in event.objects if not ours.mentions[at].head.endswith(("self", "selves"))]
    crossed_back = _compare(case, ours, others, theirs, other.subjects)
    detail = f"{_names(ours, event.subjects)} {event.verb} {_names(ours, event.objects)}".strip()
    if doer is Match.NO and Match.YES in (crossed, crossed_back):
        return Problem(ProblemKind.ACTOR, detail, OTHER_DOER)
    if bool(event.objects) != bool(other.objects) and not (event.is_passive or other.is_passive):
        return None
    if (
        event.objects
        and len(wordnet().senses(event.verb, "v")) >= POLYSEMOUS
        and _compare(case, ours, event.objects, theirs, other.objects) is not Match.YES
    ):
        return None
    told = [theirs.mentions[at] for at in other.subjects]
    if not any(_is_living(ours.mentions[at]) for at in event.subjects) and any(map(_is_living, told)):
        return None
    return Problem(ProblemKind.ACTOR, detail, OTHER_DOER)


def _takers(sentence: Sentence, event: Event) -> tuple[int, ...]:
    """Recipients: indirect objects and `to somebody`."""
    number = sentence.events.index(event)
    to = [
        at
        for at, mention in enumerate(sentence.mentions)
        if mention.to_event == number and mention.prep == "to"
    ]
    return (*event.recipients, *to)


def _compare(
    case: Case, ours: Sentence, claimed: Sequence[int], theirs: Sentence, told: Sequence[int]
) -> Match:
    """YES if any pair is alike, NO if the claim's are others than the line's, else UNKNOWN."""
    if not claimed or not told:
        return Match.UNKNOWN
    results = [
        _pair(case, ours.mentions[one], theirs, other)
        for one in _with_parts(ours, claimed)
        for other in _with_parts(theirs, told)
    ]
    if Match.YES in results:
        return Match.YES
    return Match.UNKNOWN if Match.UNKNOWN in results else Match.NO


def _with_parts(sentence: Sentence, chosen: Sequence[int]) -> list[int]:
    """Mentions with what `of` says of them: the position of her elbow is about the elbow too."""
    return [
        *chosen,
        *(
            at
            for at, mention in enumerate(sentence.mentions)
            if mention.to in chosen and mention.prep == "of"
        ),
    ]


def _pair(case: Case, claim: Mention, theirs: Sentence, at: int) -> Match:
    source = theirs.mentions[at]
    found = same_thing(claim, source)
    if source.is_pronoun and not claim.is_pronoun and _comes_later(case, claim, theirs):
        return Match.NO
    if claim.is_pronoun or source.is_pronoun:
        return found
    if found is Match.YES and _differ_in_colour(case, claim, theirs, at):
        return Match.NO
    if found is Match.NO and not opposed(claim.head, source.head) and _share_colour(case, claim, theirs, at):
        return Match.UNKNOWN
    if not _is_living(source) and meaning(claim.head, "n").kind == "noun.person":
        doers = {case.claim.mentions[one].head for event in case.claim.events for one in event.subjects}
        if source.head not in doers:
            return Match.UNKNOWN
    if claim.head != source.head and _are_two(case, claim, source):
        return Match.NO
    if found is not Match.NO:
        return found
    if opposed(claim.head, source.head):
        return Match.NO
    elsewhere = [
        line
        for line in (*case.cited, *case.others)
        for other in line.sentence.mentions
        if other is not source and not other.is_pronoun and same_thing(claim, other) is Match.YES
    ]
    if not elsewhere:
        return Match.UNKNOWN
    if any(line.sentence is theirs for line in elsewhere) or source.determiner in (
        "his",
        "her",
        "their",
        "its",
    ):
        return Match.NO
    if claim.head in _GENERIC or source.head in _GENERIC:
        here = next(line.modality for line in case.cited if line.sentence is theirs)
        new = source.determiner in ("a", "an", "another") and all(line.modality == here for line in elsewhere)
        return Match.NO if new else Match.UNKNOWN
    return Match.NO


def _comes_later(case: Case, claim: Mention, theirs: Sentence) -> bool:
    """Whether what the claim names is new (`a crow`) in a line after the one that says `it`."""
    here = next(line for line in case.cited if line.sentence is theirs)
    lines = [line for line in (*case.cited, *case.others) if line.modality == here.modality]
    known = [
        (_number(line) > _number(here), mention.determiner in ("a", "an", "another"))
        for line in lines
        for mention in line.sentence.mentions
        if not mention.is_pronoun and same_thing(claim, mention) is Match.YES
    ]
    return bool(known) and all(later and new for later, new in known)


def _number(line: Line) -> int:
    return int("0" + line.source.line[1:])


def _differ_in_colour(case: Case, claim: Mention, theirs: Sentence, at: int) -> bool:
    """Whether two of a name wear or have different colours: the skier in black, the skier in orange."""
    here = case.claim.mentions.index(claim)
    ours = {word for word in attributes(case.claim, here) if word in colours()}
    told = {word for word in attributes(theirs, at) if word in colours()}
    return bool(ours and told) and not any(carries(one, other) for one in ours for other in told)


def _share_colour(case: Case, claim: Mention, theirs: Sentence, at: int) -> bool:
    """The boxer in black may be the opponent in black."""
    here = case.claim.mentions.index(claim)
    told = attributes(theirs, at)
    return any(word in colours() and word in told for word in attributes(case.claim, here))


def _is_living(mention: Mention) -> bool:
    return meaning(mention.head, "n").kind in ("noun.person", "noun.animal", "noun.group", "")


def _are_two(case: Case, claim: Mention, source: Mention) -> bool:
    """Whether claim and lines both know the two words, so that they name two."""
    ours = {mention.head for mention in case.claim.mentions}
    theirs = {mention.head for line in (*case.cited, *case.others) for mention in line.sentence.mentions}
    return source.head in ours and claim.head in theirs


def _names(sentence: Sentence, mentions: Sequence[int]) -> str:
    return " and ".join(sentence.mentions[at].head for at in mentions)
