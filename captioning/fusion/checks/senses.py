"""The sense that tells of it: what is only heard or said may not be told as seen, nor the reverse."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, WordSupport
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.topics import Topic
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import listing

SEEN_ONLY_HEARD = 0.75
HEARD_ONLY_SEEN = 0.5
SAID_AS_FACT = 0.6
_SEEING = frozenset(listing("see seen visible show shown appear display depict sight onscreen visibly"))
_HEARING = frozenset(listing("hear heard audible audibly sound"))
_VISUAL_DOING = frozenset(
    listing(
        "stand sit perch lie walk drive wear hold hang rest lean kneel line park fly rise cross ride "
        "stride run chase jump climb dive march dance carry push pull throw catch kick point wave "
        "lift grow float swim crouch gather crawl creep sail glide circle hover tower loom stroll "
        "wander queue pose glow shine"
    )
)
_PHYSICAL = (Topic.THING, Topic.PLACE, Topic.PERSON)


def told_by_the_wrong_sense(case: Case) -> Iterator[Problem]:
    """Claims of seeing that rest on sounds or words alone, and of hearing that rest on pictures alone."""
    letters = {line.modality.letter for line in case.cited}
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
    if (
        letters == {"S"}
        and not case.reports
        and "according_to" not in case.claim.forms
        and not _tells_of_speech(case.words)
    ):
        yield Problem(ProblemKind.SOUND_AS_SIGHT, "what was said is told as a fact", SAID_AS_FACT)


def _is_visual(support: WordSupport) -> bool:
    """Whether a word tells of a doing that is seen and that no cited line has."""
    if support.word.pos != "v" or support.reported:
        return False
    return support.word.lemma in _VISUAL_DOING and support.score < 0.9


def _tells_of_speech(words: tuple[WordSupport, ...]) -> bool:
    return any(
        meaning(s.word.lemma, s.word.pos).kind in ("noun.communication", "verb.communication") for s in words
    )
