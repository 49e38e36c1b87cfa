"""Layer one: words of the claim that no cited line carries."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, Line, WordSupport
from captioning.fusion.checks.matching import Match, same_thing
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.reports import ROLES
from captioning.fusion.checks.sentence import Event, Word
from captioning.fusion.checks.topics import WEIGHTS, Topic
from captioning.fusion.lexicon.likeness import likeness, opposed
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.relatedness import relatedness
from captioning.fusion.lexicon.wordlists import listing, speech_acts, words
from captioning.records import Modality

DECISIVE, STRONG, MEDIUM, WEAK, SLIGHT = 0.7, 0.55, 0.3, 0.05, 0.01
"""Shares of a claim's support: one of the first two is enough to fail it; see docs/fusion.md."""
LOSS: dict[Topic, float] = {
    Topic.COLOUR: DECISIVE,
    Topic.EMOTION: DECISIVE,
    Topic.RELATION: DECISIVE,
    Topic.NAME: STRONG,
    Topic.THING: STRONG,
    Topic.PLACE: STRONG,
    Topic.PERSON: MEDIUM,
    Topic.UNKNOWN: MEDIUM,
    Topic.HAPPENING: WEAK,
    Topic.QUALITY: SLIGHT,
    Topic.DOING: SLIGHT,
    Topic.STATE: SLIGHT,
    Topic.TELLING: SLIGHT,
    Topic.IDEA: SLIGHT,
    Topic.MANNER: SLIGHT,
    Topic.FRAME: 0.0,
}
"""What a claim loses by a word of a topic that no cited line has. Doings and qualities are put in other words
too often to tell anything."""
REPORTED = {"n": MEDIUM, "v": SLIGHT, "a": SLIGHT}
"""The same for words that somebody is reported to say, by part of speech."""
KNOWN = 0.75
"""What is left of the loss where a line of the clip has it that is not cited."""
STRANGE = 0.3
"""A claim of whose weight the lines carry less than this tells of something else."""
HINT = 2.0
"""Words whose definitions agree by one over this are taken for the same."""
SURE = 0.75
MODIFIER = 0.35
"""What is left of the loss by a noun that only says which (street musician)."""
UNKNOWN_SPEAKER = 0.6
LISTENER = 0.2
"""What is left of the loss by one who speaks or is spoken to."""
ANYBODY = frozenset(
    listing(
        "man woman boy girl person people teenager child kid player he she they someone somebody hand "
        "finger guy lady another him her them youth"
    )
)
_BETRAYING = (Topic.NAME, Topic.COLOUR, Topic.EMOTION, Topic.RELATION)
"""Topics of which one word is never said for another."""
_NEGATIVE = frozenset(listing("not no never nobody nothing none without neither"))
_PLACES = listing("in at on through along across near inside into by beside to over")
_KINDS = {
    Topic.NAME: ProblemKind.NAME,
    Topic.COLOUR: ProblemKind.COLOUR,
    Topic.EMOTION: ProblemKind.EMOTION,
    Topic.RELATION: ProblemKind.RELATION,
    Topic.PLACE: ProblemKind.PLACE,
    Topic.THING: ProblemKind.ADDED_OBJECT,
    Topic.PERSON: ProblemKind.ADDED_OBJECT,
}


def unsupported_words(case: Case) -> Iterator[Problem]:
    """A problem for each word that the cited lines do not carry, by what it speaks of."""
    telling = _telling(case)
    for support in case.words:
        other = _opposite(case, support)
        if other:
            yield Problem(ProblemKind.CONTRADICTION, f"{support.word.form} against {other}", DECISIVE)
            continue
        if support.score >= 0.9 or support.topic is Topic.FRAME or _is_act(case, support):
            continue
        weight = _loss(case, support) * telling.get(support.word.place, 1.0)
        if weight > SLIGHT and support.topic not in _BETRAYING:
            weight *= 1.0 - max(support.score, _hint(case, support.word))
        elif support.topic is not Topic.RELATION:
            weight *= 1.0 - support.score
        if weight > 0:
            yield Problem(_kind(case, support), f"no cited line has {support.word.form!r}", weight)


def strangers(case: Case) -> Iterator[Problem]:
    """A problem where the lines of the clip carry next to nothing of a claim, whatever its words speak of."""
    telling = _telling(case)
    words = [support for support in case.words if telling.get(support.word.place, 1.0)] or case.words
    total = sum(WEIGHTS[support.topic] for support in words)
    if not total:
        if not any(support.score for support in words):
            yield Problem(ProblemKind.UNSUPPORTED_WORD, "it states nothing", 1.0)
        return
    known = sum(WEIGHTS[support.topic] * max(support.score, support.elsewhere) for support in words)
    if known < STRANGE * total or not any(support.score for support in words):
        yield Problem(ProblemKind.UNSUPPORTED_WORD, "the lines have next to nothing of it", DECISIVE)


def _loss(case: Case, support: WordSupport) -> float:
    """What a claim loses by a word if nothing hints at it."""
    loss = LOSS[support.topic]
    if support.reported and support.topic not in _BETRAYING:
        loss = REPORTED.get(support.word.pos, 0.0)
    elif support.topic is Topic.PERSON and (_is_owned(case, support) or _may_be_unnamed(case, support)):
        loss = WEAK
    elif support.word.pos == "n" and _is_known_head(case, support):
        loss *= MODIFIER
    return loss * KNOWN if support.elsewhere >= 0.9 else loss


def _hint(case: Case, word: Word) -> float:
    """How far a word's like in the lines, or one of nearly the same definition, carries it. What the claim
    names too is not meant twice: in `elephants and zebras` the lines' elephants carry no zebra."""
    others = [support.word for support in case.words if support.word.place != word.place]
    taken = {name for other in others for name in (other.lemma, *other.phrases)}
    best = 0.0
    for line in case.cited:
        for other in line.sentence.words:
            if other.lemma in taken:
                continue
            best = max(
                best,
                likeness(word.lemma, word.pos, other.lemma, other.pos),
                HINT * relatedness(word.lemma, word.pos, other.lemma, other.pos),
            )
    return min(1.0, best)


def _is_known_head(case: Case, support: WordSupport) -> bool:
    """Whether the word stands before a noun that the lines have."""
    mention = next((m for m in case.claim.mentions if m.start <= support.word.place < m.place), None)
    return mention is not None and any(s.word.place == mention.place and s.score >= SURE for s in case.words)


def _telling(case: Case) -> dict[int, float]:
    """Places of the words that only say who speaks, and to whom, and what is left of their weight."""
    if not any(line.modality is not Modality.VIDEO for line in case.cited):
        return {}
    found: dict[int, float] = {}
    for report in case.reports:
        found[report.event.place] = 0.0
        for at in (*report.event.subjects, *report.event.objects, *report.event.recipients):
            mention = case.claim.mentions[at]
            if mention.place in report.places and at not in report.event.recipients:
                continue
            known = mention.head in ROLES
            found[mention.place] = (
                0.0 if known else (UNKNOWN_SPEAKER if at in report.event.subjects else LISTENER)
            )
    for mention in case.claim.mentions:
        if mention.prep == "according_to":
            found[mention.place] = UNKNOWN_SPEAKER
    for support in case.words:
        if support.word.lemma in ROLES:
            found[support.word.place] = 0.0
    return found


def _is_owned(case: Case, support: WordSupport) -> bool:
    """`his secretary`: a person named by what they are to somebody."""
    return any(
        mention.place == support.word.place
        and (mention.owner >= 0 or mention.determiner in ("his", "her", "their", "its", "my"))
        for mention in case.claim.mentions
    )


def _may_be_unnamed(case: Case, support: WordSupport) -> bool:
    """Whether the lines may know a person without that name: a potter who is `someone` there."""
    named = {mention.head for mention in case.claim.mentions if mention.place != support.word.place}
    return any(
        mention.head not in named
        and not opposed(support.word.lemma, mention.head)
        and mention.head not in words("relations")
        and (mention.head in ANYBODY or meaning(mention.head, "n").kind == "noun.person")
        for line in case.cited
        for mention in line.sentence.mentions
    )


def _is_act(case: Case, support: WordSupport) -> bool:
    """Whether the word tells what reported speech does, and the speech does it (warn, greet, ask)."""
    cues = speech_acts().get(support.word.lemma)
    if cues is None:
        return False
    return any(
        not cues.isdisjoint(line.sentence.forms) or not cues.isdisjoint(line.sentence.lemmas)
        for line in case.cited
        if line.modality.letter == "S"
    )


def _is_modifier(case: Case, support: WordSupport) -> bool:
    """Whether an adjective stands inside a noun phrase: what it is said of decides (binding)."""
    return any(mention.start <= support.word.place < mention.place for mention in case.claim.mentions)


def _opposite(case: Case, support: WordSupport) -> str:
    """A word of the cited lines that excludes this one."""
    if support.score >= 0.9 or (support.topic is Topic.FRAME and support.word.pos not in "ra"):
        return ""
    if support.word.pos == "a" and _is_modifier(case, support):
        return ""
    names = (support.word.lemma, support.word.form, *support.word.phrases)
    ours = case.claim.lemmas
    if not _NEGATIVE.isdisjoint(case.claim.forms):
        return ""
    event = next((event for event in case.claim.events if event.place == support.word.place), None)
    for line in case.cited:
        if not _NEGATIVE.isdisjoint(line.sentence.forms):
            continue
        for word in line.sentence.lemmas:
            if (
                word not in ours
                and any(opposed(name, word) for name in names)
                and _same_doer(case, event, line, word)
                and _are_comparable(support, line, word)
            ):
                return word
    return ""


def _are_comparable(support: WordSupport, line: Line, other: str) -> bool:
    """Whether two words are not a noun and a verb: the lead goat, they follow."""
    kinds = {word.pos for word in line.sentence.words if other in (word.lemma, word.form, *word.phrases)}
    if not kinds:
        return True
    return {support.word.pos, *kinds} != {"n", "v"}


def _same_doer(case: Case, event: Event | None, line: Line, word: str) -> bool:
    """Whether two doings that exclude each other may be of the same thing."""
    if event is None:
        return True
    ours = [case.claim.mentions[at] for at in (*event.subjects, *event.objects)]
    for other in line.sentence.events:
        theirs = [line.sentence.mentions[at] for at in (*other.subjects, *other.objects)]
        if word in other.names and ours and theirs:
            return any(same_thing(one, two) is not Match.NO for one in ours for two in theirs)
    return True


def _kind(case: Case, support: WordSupport) -> ProblemKind:
    if support.reported:
        return ProblemKind.INVENTED_SPEECH
    kind = _KINDS.get(support.topic, ProblemKind.UNSUPPORTED_WORD)
    if kind is ProblemKind.ADDED_OBJECT:
        for mention in case.claim.mentions:
            if (
                mention.place == support.word.place
                and mention.prep in _PLACES
                and support.topic is not Topic.PERSON
            ):
                return ProblemKind.PLACE
    return kind
