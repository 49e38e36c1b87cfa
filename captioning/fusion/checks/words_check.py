"""Layer one: words of the claim that no cited line carries."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, Line, WordSupport
from captioning.fusion.checks.matching import Match, same_thing
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Event
from captioning.fusion.checks.topics import WEIGHTS, Topic
from captioning.fusion.lexicon.likeness import opposed
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import listing, speech_acts, words
from captioning.fusion.lexicon.wordnet import wordnet
from captioning.records import Modality

ENOUGH = 0.4
"""Support below this counts as none."""
SURE = 0.75
OPPOSED = 0.8
REPORTED = {"n": 0.22, "v": 0.2, "a": 0.2}
"""Weight of words that somebody is reported to say, by part of speech."""
MODIFIER = 0.35
"""What is left of the weight of a noun that only says which (street musician)."""
ADDED = 1.15
"""More for a thing that `and` adds to one which the lines have."""
SHORT = 8
"""A claim of fewer words loses more by each doing, at most by half."""
GENERAL_VERB = 0.4
SENSES = 12
"""Verbs of so many senses (take, work) say little; what is left of their weight."""
KNOWN = 0.25
"""What is left of the weight of a thing or person that a line which is not cited tells of."""
KNOWN_DOER = 0.6
"""The same where it does something."""
GENDER = 0.35
"""A man where the lines have a person of no known gender."""
ANOTHER_NAME = 0.4
"""A potter where the lines have somebody."""
UNKNOWN_SPEAKER = 0.6
LISTENER = 0.2
ROLES = frozenset(
    listing(
        "speaker narrator voice commentator announcer presenter host instructor reviewer interviewer "
        "reporter anchor newsreader singer audience viewer listener announcement narration commentary "
        "speech words someone tutorial"
    )
)
"""Who speaks or listens where there is speech; who it is, is checked apart."""
GENDERED = frozenset(listing("man woman boy girl guy lady male female child kid"))
NAMELESS = frozenset(
    listing(
        "companion participant visitor customer passer-by bystander onlooker guest individual figure "
        "member operator user newcomer pedestrian stranger occupant contestant performer character "
        "subject protagonist"
    )
)
ANYBODY = frozenset(
    listing(
        "man woman boy girl person people teenager child kid player he she they someone somebody hand "
        "finger guy lady another him her them youth"
    )
)
_BETRAYING = (Topic.NAME, Topic.COLOUR, Topic.EMOTION)
_REFERENTS = (
    Topic.RELATION,
    Topic.THING,
    Topic.PERSON,
    Topic.PLACE,
    Topic.NAME,
    Topic.IDEA,
    Topic.HAPPENING,
    Topic.DOING,
    Topic.STATE,
)
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
    doers = {case.claim.mentions[at].place for event in case.claim.events for at in event.subjects}
    for support in case.words:
        other = _opposite(case, support)
        if other:
            yield Problem(ProblemKind.CONTRADICTION, f"{support.word.form} against {other}", OPPOSED)
            continue
        if support.score >= 0.9 or support.topic is Topic.FRAME or _is_act(case, support):
            continue
        weight = _weight(case, support)
        if support.word.place in telling:
            weight *= telling[support.word.place]
        elif support.elsewhere >= 0.9 and support.topic in _REFERENTS and not support.reported:
            weight *= KNOWN_DOER if support.word.place in doers else KNOWN
        elif support.topic is Topic.PERSON:
            if _is_owned(case, support):
                weight = max(weight, WEIGHTS[Topic.RELATION] * (1.0 - support.score))
            else:
                weight *= _unnamed(case, support)
        if support.reported and support.topic not in _BETRAYING and support.word.place not in telling:
            least = REPORTED.get(support.word.pos, 0.0) * (1.0 - support.score)
            weight = least * (KNOWN if support.elsewhere >= 0.9 else 1.0)
        if weight > 0:
            yield Problem(_kind(case, support), f"no cited line has {support.word.form!r}", weight)


def _weight(case: Case, support: WordSupport) -> float:
    """The weight of a word before what is known of speakers and other lines."""
    weight = WEIGHTS[support.topic]
    if (
        support.word.pos == "n"
        and support.topic in (Topic.THING, Topic.PLACE, Topic.PERSON)
        and _is_known_head(case, support)
    ):
        weight *= MODIFIER
    if support.topic is Topic.THING and _is_added(case, support):
        return min(weight * ADDED, 0.9) if support.score < 0.75 else weight * (1.0 - support.score)
    if support.topic in (Topic.DOING, Topic.STATE) and support.word.pos == "v":
        num_words = sum(other.topic is not Topic.FRAME for other in case.words)
        weight *= 1.0 + 0.5 * max(0, SHORT - num_words) / SHORT
        if len(wordnet().senses(support.word.lemma, "v")) >= SENSES:
            weight *= GENERAL_VERB
    return weight * (1.0 if support.score < ENOUGH else 1.0 - support.score)


def _is_known_head(case: Case, support: WordSupport) -> bool:
    """Whether the word stands before a noun that the lines have."""
    mention = next((m for m in case.claim.mentions if m.start <= support.word.place < m.place), None)
    return mention is not None and any(s.word.place == mention.place and s.score >= SURE for s in case.words)


def _is_added(case: Case, support: WordSupport) -> bool:
    """Whether `and` joins the word to things that the lines have, or the other way round."""
    mentions = case.claim.mentions
    here = next((at for at, mention in enumerate(mentions) if mention.place == support.word.place), None)
    if here is None:
        return False
    joined = {at for at, mention in enumerate(mentions) if mention.coordinate == here}
    joined |= {mentions[here].coordinate} - {-1}
    places = {mentions[at].place for at in joined}
    return any(other.word.place in places and other.score >= 0.9 for other in case.words)


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


def _unnamed(case: Case, support: WordSupport) -> float:
    """What is left of the weight of a person whom the lines may know without that name."""
    named = {mention.head for mention in case.claim.mentions if mention.place != support.word.place}
    for line in case.cited:
        for mention in line.sentence.mentions:
            head = mention.head
            if head in named or opposed(support.word.lemma, head):
                continue
            if support.word.lemma in GENDERED | NAMELESS and (
                head in ANYBODY or meaning(head, "n").kind == "noun.person"
            ):
                return GENDER
            if head in ANYBODY or (
                meaning(head, "n").kind == "noun.person" and head not in words("relations")
            ):
                return ANOTHER_NAME
    return 1.0


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
            ):
                return word
    return ""


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
