"""Who says it: the claim's speaker beside whom the lines show or hear speaking."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, Line
from captioning.fusion.checks.labels import label, mislabelled
from captioning.fusion.checks.matching import Match, same_thing
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.reports import SAYING
from captioning.fusion.checks.sentence import Mention
from captioning.fusion.lexicon.likeness import opposed
from captioning.fusion.lexicon.wordlists import listing
from captioning.records import Modality

OTHER_SPEAKER = 0.8
_VOICES = ("voice", "speech", "tone", "narration", "commentary", "accent")
_GENDERS = ("male", "female", "man", "woman", "boy", "girl", "child", "adult")
VOCAL = frozenset(
    listing("gasp sigh laugh giggle chuckle scream shriek cry sing hum groan moan cheer cough sob whoop")
)
"""What a voice does besides speaking."""
_ANYONE = frozenset(listing("someone somebody speaker voice narrator person they it one people announcement"))


def wrong_speakers(case: Case) -> Iterator[Problem]:
    """Reports by somebody other than the speakers whom labels, voices or turns name."""
    if any(label(line.source.text) for line in case.cited if line.modality is Modality.SPEECH):
        yield from mislabelled(case)
        return
    known = _turn(case) or [name for line in case.cited for name in speakers(line)]
    known = known or [name for line in case.cited for name in speakers(line, VOCAL)]
    if not known:
        return
    for report in case.reports:
        for at in report.event.subjects[:1]:
            names = _names(case.claim.mentions[at], case)
            others = [name for name in names if not any(_may_be(name, other) for other in known)]
            if any(opposed(name, other) for name in others for other in known):
                detail = f"{names[0]} against {', '.join(known)}"
                yield Problem(ProblemKind.WRONG_SPEAKER, detail, OTHER_SPEAKER)


def _turn(case: Case) -> list[str]:
    """Where as many voices take turns as there are lines of speech, those of the cited lines."""
    lines = sorted((*case.cited, *case.others), key=lambda line: line.source.line)
    said = [line for line in lines if line.modality is Modality.SPEECH]
    voices = [name for line in lines if line.modality is Modality.AUDIO for name in speakers(line)]
    if len(said) < 2 or len(said) != len(voices):
        return []
    return [voice for line, voice in zip(said, voices, strict=True) if line in case.cited]


def _names(mention: Mention, case: Case) -> list[str]:
    if mention.head in _ANYONE or (mention.head in _VOICES and not mention.modifiers):
        return []
    found = [mention.head] if mention.head not in _VOICES else []
    found += [word for word in mention.modifiers if word in _GENDERS]
    if mention.owner >= 0:
        found.append(case.claim.mentions[mention.owner].head)
    return found


def _may_be(name: str, other: str) -> bool:
    one, two = Mention(name, "N", 0, 0, 1, [], None, ""), Mention(other, "N", 0, 0, 1, [], None, "")
    return same_thing(one, two) is Match.YES


def speakers(line: Line, verbs: frozenset[str] = SAYING) -> list[str]:
    """Whom a line shows or hears speaking: subjects of saying, owners of voices, labels of speech."""
    sentence = line.sentence
    if line.modality.letter == "S":
        named = label(line.source.text)
        return [named.head] if named is not None else []
    found = []
    for event in sentence.events:
        if verbs.intersection(event.names):
            found += [
                sentence.mentions[at].head
                for at in event.subjects
                if sentence.mentions[at].head not in _VOICES
            ]
    for mention in sentence.mentions:
        if mention.head in _VOICES:
            found += [word for word in mention.modifiers if word in _GENDERS]
            if mention.owner >= 0:
                found.append(sentence.mentions[mention.owner].head)
    return found
