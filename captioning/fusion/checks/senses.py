"""The sense that tells of it: what is only heard or said may not be told as seen, nor the reverse."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, WordSupport, carried
from captioning.fusion.checks.labels import label, resemblance
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Event, Mention, Sentence
from captioning.fusion.checks.topics import Topic
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import listing
from captioning.records import Modality

SEEN_ONLY_HEARD = 0.8
HEARD_ONLY_SEEN = 0.6
SAID_AS_FACT = 0.6
_SEEING = frozenset(listing("see seen visible show shown appear display depict sight onscreen visibly"))
_HEARING = frozenset(listing("hear heard audible audibly sound"))
_VISUAL_DOING = frozenset(
    listing(
        "stand sit perch lie walk drive wear hold hang rest lean kneel line park fly rise cross ride "
        "stride run chase jump climb dive march dance carry push pull throw catch kick point wave "
        "lift grow float swim crouch gather crawl creep sail glide circle hover tower loom stroll "
        "wander queue pose glow shine swing flash light speed burst sweep dash circle spin roll fall"
    )
)
_SEEN = frozenset(listing("visible in_view in_sight onscreen"))
LIKE = 0.75
FACTS_SAID = 2
"""Words of a claim that only speech has, for it to tell as a fact what somebody said; one may be a slip."""
SUGGESTED = 0.45
"""What a line of sight carries less than this, it does not show."""
_PHYSICAL = (Topic.THING, Topic.PLACE, Topic.PERSON)


def told_by_the_wrong_sense(case: Case) -> Iterator[Problem]:
    """Claims of seeing that rest on sounds or words alone, and of hearing that rest on pictures alone."""
    letters = {line.modality.letter for line in case.cited}
    yield from _heard_told_as_seen(case)
    by_ear = [at for at, line in enumerate(case.cited) if line.modality.letter != "V"]
    by_eye = [at for at, line in enumerate(case.cited) if line.modality.letter == "V"]
    heard = any(s.word.lemma in _HEARING and s.score < 0.5 for s in case.words)
    words = {
        name
        for support in case.words
        if not support.reported
        for name in (support.word.lemma, support.word.form)
    }
    if not by_eye and "V" not in letters:
        if words & _SEEING:
            yield Problem(
                ProblemKind.SOUND_AS_SIGHT, "told as seen, but no video line is cited", SEEN_ONLY_HEARD
            )
        else:
            doing = [s for s in case.words if _is_visual(s)]
            if doing:
                yield Problem(
                    ProblemKind.SOUND_AS_SIGHT, f"{doing[0].word.form} is seen, not heard", SEEN_ONLY_HEARD
                )
    if heard and not by_ear:
        yield Problem(
            ProblemKind.SOUND_AS_SIGHT, "told as heard, but only video lines are cited", HEARD_ONLY_SEEN
        )
    if letters == {"S"} and (_repeats(case) or not (case.reports or _tells_of_speech(case))):
        yield Problem(ProblemKind.SOUND_AS_SIGHT, "what was said is told as a fact", SAID_AS_FACT)
    elif letters > {"S"} and not case.reports and not _tells_of_speech(case):
        only_said = [s for s in case.words if _only_said(case, s)]
        if len(only_said) >= FACTS_SAID:
            words_said = " and ".join(repr(s.word.form) for s in only_said[:3])
            detail = f"what was said is told as a fact: {words_said}"
            yield Problem(ProblemKind.SOUND_AS_SIGHT, detail, SAID_AS_FACT)


def _repeats(case: Case) -> bool:
    """Whether a claim is a stretch of what was said, word for word."""
    return any(
        case.claim.forms == line.sentence.forms[at : at + len(case.claim.forms)]
        for line in case.cited
        for at in range(len(line.sentence.forms) - len(case.claim.forms) + 1)
    )


def _only_said(case: Case, support: WordSupport) -> bool:
    """Whether a word of substance is known from what was said alone."""
    if support.reported or support.topic is Topic.FRAME:
        return False
    by_others = [
        score
        for line, score in zip(case.cited, support.by_line, strict=True)
        if line.modality is not Modality.SPEECH
    ]
    return support.score >= LIKE and max(by_others) < SUGGESTED


def _is_visual(support: WordSupport) -> bool:
    """Whether a word tells of a doing that is seen and that no cited line has."""
    if support.word.pos != "v" or support.reported or support.word.phrases:
        return False
    return support.word.lemma in _VISUAL_DOING and support.score < 0.9


def _tells_of_speech(case: Case) -> bool:
    """Whether a claim names speaking, or one whom a label of the cited lines names."""
    if "according_to" in case.claim.forms:
        return True
    named = [name for line in case.cited if (name := label(line.source.text)) is not None]
    return any(
        meaning(support.word.lemma, support.word.pos).kind in ("noun.communication", "verb.communication")
        for support in case.words
    ) or any(resemblance(mention, "", name) >= 1 for mention in case.claim.mentions for name in named)


def _heard_told_as_seen(case: Case) -> Iterator[Problem]:
    """Things that the claim shows, or lets do what is seen, though no line of sight has them."""
    if not case.cited_of(Modality.VIDEO):
        return
    for mention, how in _shown(case):
        support = next((s for s in case.words if s.word.place == mention.place), None)
        if support is None or support.reported or support.topic not in _PHYSICAL:
            continue
        by_sight = [
            carried(support.word, line.source.text)
            for line in (*case.cited, *case.others)
            if line.modality is Modality.VIDEO
        ]
        if support.score >= LIKE and max(by_sight) < SUGGESTED:
            detail = f"{mention.head} is {how}, but only heard"
            yield Problem(ProblemKind.SOUND_AS_SIGHT, detail, SEEN_ONLY_HEARD)
            return


def _shown(case: Case) -> Iterator[tuple[Mention, str]]:
    """What the claim says is seen, and what does something that only eyes tell."""
    claim = case.claim
    scores = {support.word.place: support.score for support in case.words}
    for event in claim.events:
        if event.verb in ("see", "watch", "spot", "show") and (event.is_passive or not event.subjects):
            doing = [other for other in claim.events if other.start == event.end]
            seen = [*event.objects, *(at for other in doing for at in other.objects)]
            parts = [
                at for at, mention in enumerate(claim.mentions) if mention.prep == "of" and mention.to in seen
            ]
            yield from ((claim.mentions[at], "told as seen") for at in (*seen, *parts))
        elif event.verb in _VISUAL_DOING and scores.get(event.place, 1.0) < LIKE:
            yield from ((claim.mentions[at], f"told to {event.verb}") for at in event.subjects)
        elif _predicates(claim, event) & _SEEN:
            yield from ((claim.mentions[at], "told as visible") for at in event.subjects)


def _predicates(claim: Sentence, event: Event) -> set[str]:
    return set(claim.forms[event.end : event.end + 2]) if event.verb in ("be", "become") else set()
