"""What a text reports somebody to say: `the man asks where the ferry is`."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.sentence import Event, Sentence
from captioning.fusion.lexicon.wordlists import listing

SAYING = frozenset(
    listing(
        "say tell ask explain announce call shout yell cry exclaim warn mention state note remark add "
        "reply answer admit claim argue suggest recommend advise urge order instruct remind describe "
        "report promise confirm deny complain apologise apologize thank greet welcome praise wonder "
        "declare comment inform conclude predict assure insist joke invite demand request inquire "
        "enquire whisper mutter murmur scream chant sing read encourage scold agree point_out discuss "
        "criticise criticize respond caution point state teach count beg repeat estimate narrate "
        "clarify recount boast stress emphasise emphasize explain indicate list introduce speak talk "
        "mumble recite quote name propose offer direct command thank congratulate reassure"
    )
)
CONTENT = frozenset(
    listing(
        "say explain announce shout call state read claim mention report repeat ask warn predict "
        "promise suggest recommend quote sing chant add answer reply yell cry exclaim remark note "
        "declare estimate insist admit order demand teach describe request"
    )
)
"""Verbs whose object is what is said, not to whom."""
AMBIGUOUS = frozenset(
    listing(
        "add list call count read order name teach offer introduce describe demand direct state point "
        "indicate sing show propose charge speak talk"
    )
)
"""Verbs that also tell of other doings."""
ROLES = frozenset(
    listing(
        "speaker narrator voice commentator announcer presenter host instructor reviewer interviewer "
        "reporter anchor newsreader singer audience viewer listener announcement narration commentary "
        "speech words someone tutorial"
    )
)
"""Who speaks or listens where there is speech; who it is, is checked apart."""
_SURE_OPENERS = ("that", "whether", "why", ":")
REACH = 6
"""How far after the verb `that` or `to` may stand."""
_OPENERS = ("that", "how", "why", "if", "whether", "where", "what", "who", "when", "which", "to", ":", "not")
_CLOSERS = ("while", "as", "amid", "whereas", ";", ".")


@dataclass(frozen=True, slots=True)
class Report:
    """A verb of saying, and the places of the tokens that are reported (empty for `a man speaks`)."""

    event: Event
    places: frozenset[int]


@functools.lru_cache(maxsize=1024)
def reports(text: str) -> tuple[Report, ...]:
    """The reports of a text, in order."""
    sentence = parse(text)
    return tuple(
        Report(event, _scope(sentence, event))
        for event in sentence.events
        if SAYING.intersection(event.names)
    )


def _scope(sentence: Sentence, event: Event) -> frozenset[int]:
    """From what opens the report to the end of the sentence or a clause that leaves it."""
    forms, tags = sentence.forms, sentence.tags
    quoted = {place for place, inside in enumerate(sentence.quoted) if inside}
    openers = _OPENERS if not AMBIGUOUS.intersection(event.names) else _SURE_OPENERS
    start = next(
        (
            at
            for at in range(event.end, min(event.end + REACH, len(forms)))
            if forms[at] in openers or at in quoted
        ),
        None,
    )
    if (
        start is None
        and event.end < len(forms)
        and not event.is_passive
        and CONTENT.intersection(event.names)
    ):
        start = event.end if _opens(forms[event.end], tags[event.end]) else None
    if start is None:
        return frozenset(quoted)
    places = set()
    for at in range(start, len(forms)):
        after = tags[at + 1] if at + 1 < len(tags) else ""
        if at > start + 1 and forms[at] in _CLOSERS and not (forms[at] == "as" and after in ("J", "R")):
            break
        if (
            at > start
            and forms[at] == ","
            and after in ("SC", "VBG")
            and forms[at + 1] not in ("that", "because", "if", "so")
        ):
            break
        places.add(at)
    return frozenset(places | quoted)


def _opens(form: str, tag: str) -> bool:
    """Whether the report follows the verb directly: `says doubling it helps`, `warns of ice`."""
    return tag in _DIRECT or (tag == "IN" and form in ("about", "of", "for", "against"))


_DIRECT = ("DT", "PRP", "PRPS", "N", "NS", "NNP", "VBG", "J", "CD", "EX", "NDT", "NPRP")
