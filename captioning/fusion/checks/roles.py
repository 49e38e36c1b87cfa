"""Who does what to whom: subjects, objects and what prepositions attach to, by position."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.fusion.checks.sentence import Event, Mention
from captioning.fusion.checks.verb_groups import UNDOING
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import listing
from captioning.fusion.lexicon.wordnet import wordnet

_DITRANSITIVE = frozenset(
    listing("give hand show tell ask throw offer teach bring pass send buy serve lend pay feed toss promise")
)
_JOINS = ("and", ",", ", and", "or", "nor", "as_well_as", "but", "and also")
_CLAUSAL = frozenset(
    listing(
        "say think know hope believe see watch hear feel notice find claim admit suggest explain let "
        "make help mean"
    )
)
_PARTICLES = ("up", "down", "off", "out", "away", "back", "over")
_NAMING = ("with", "to", "amid", "amidst", "over", "beneath")
"""`with squeaking audible`: what follows names a doing and has no doer before it."""
_PERCEIVING = frozenset(listing("hear see watch catch leave show"))
_LIVING = ("noun.person", "noun.animal", "noun.group")


class Roles:
    """Assigns roles in the mentions and events of one text."""

    def __init__(
        self, forms: Sequence[str], tags: Sequence[str], mentions: Sequence[Mention], events: Sequence[Event]
    ) -> None:
        self._forms, self._tags = forms, tags
        self._mentions, self._events = mentions, events

    def assign(self) -> None:
        """Fill in prepositions, coordination, subjects and objects."""
        self._settle_participles()
        self._attach()
        self._coordinate()
        for number, event in enumerate(self._events):
            self._subject(number, event)
            self._objects(number, event)
        for number, event in enumerate(self._events):
            if not event.subjects and not event.is_finite and self._forms[event.start - 1] not in _NAMING:
                self._subject_of_fronted(number, event)
        for number, event in enumerate(self._events):
            self._voice(number, event)

    def _settle_participles(self) -> None:
        """`a platform crowded with commuters`: beside a verb in the present, a bare -ed form after a noun is
        a participle."""
        if not any(event.is_finite and self._tags[event.start] != "VBD" for event in self._events):
            return
        for event in self._events:
            before = self._tags[event.start - 1] if event.start else ""
            if self._tags[event.start] == "VBD" and before in ("N", "NS", "NNP", "PUN", "SC", "R", "J"):
                event.is_finite = False

    def _attach(self) -> None:
        for number, mention in enumerate(self._mentions):
            if mention.owner >= 0:
                owner = self._mentions[mention.owner]
                mention.prep, mention.to, mention.to_event = owner.prep, owner.to, owner.to_event
                owner.prep, owner.to, owner.to_event = "'s", number, -1
                continue
            before = mention.start - 1
            while before >= 0 and self._tags[before] == "R":
                before -= 1
            if before < 0 or self._tags[before] not in ("IN", "TO", "RP"):
                continue
            if self._is_particle(before):
                continue
            mention.prep = self._forms[before]
            if before > 0 and self._tags[before - 1] in ("IN", "RP"):
                mention.prep = f"{self._forms[before - 1]}_{mention.prep}"
            if number and self._mentions[number - 1].end == before:
                mention.to = number - 1
            for at in range(len(self._events) - 1, -1, -1):
                if self._events[at].end <= before:
                    if not self._boundary(self._events[at].end, before):
                        mention.to_event = at
                    break

    def _is_particle(self, at: int) -> bool:
        """`hold up their phones`: the word belongs to the verb (but `walk up the stairs`)."""
        event = next((event for event in self._events if event.end == at), None)
        if event is None or event.particle != self._forms[at] or self._forms[at] not in _PARTICLES:
            return False
        return meaning(event.verb, "v").kind != "verb.motion"

    def _coordinate(self) -> None:
        """`a man and a woman`: the second points to the first and shares its preposition."""
        for number in range(1, len(self._mentions)):
            one, other = self._mentions[number - 1], self._mentions[number]
            between = [self._forms[at] for at in range(one.end, other.start)]
            if " ".join(between) not in _JOINS or other.is_pronoun:
                continue
            if other.prep or (self._starts_clause(other) and self._is_closed(one, between)):
                continue
            other.coordinate = number - 1
            other.negated |= between == ["nor"]
            other.prep, other.to, other.to_event = one.prep, one.to, one.to_event

    def _is_closed(self, mention: Mention, between: Sequence[str]) -> bool:
        """Whether the mention belongs to a clause or phrase that ends before what joins them."""
        if between == [","] and (mention.prep or any(event.end <= mention.start for event in self._events)):
            return True
        return self._verb_before(mention)

    def _starts_clause(self, mention: Mention) -> bool:
        """Whether a finite verb follows, past prepositional phrases only."""
        at = mention.end
        while at < len(self._tags):
            event = next((event for event in self._events if event.start <= at < event.end), None)
            if event is not None and event.is_finite:
                return True
            if self._tags[at] in ("PUN", "SC", "WP", "CC") and self._forms[at] not in ("and",):
                return False
            at += 1
        return False

    def _verb_before(self, mention: Mention) -> bool:
        for event in reversed(self._events):
            if event.end <= mention.start and event.is_finite:
                return not any(
                    self._tags[at] in ("SC",) or self._forms[at] in (".", ";")
                    for at in range(event.end, mention.start)
                )
        return False

    def _boundary(self, start: int, end: int) -> bool:
        return any(
            self._tags[at] in ("SC", "WP") or self._forms[at] in (".", ";", ":", "!", "?")
            for at in range(start, end)
        )

    def _subject(self, number: int, event: Event) -> None:
        """The subject to the left of a verb, or that of the verb before it."""
        previous = self._events[number - 1] if number else None
        left = previous.end if previous is not None else 0
        near = [
            at
            for at, mention in enumerate(self._mentions)
            if left <= mention.start and mention.end <= event.start
        ]
        if not event.is_finite:
            event.subjects = self._subject_of_participle(event, near, previous)
            return
        relative = (
            event.start > 0 and self._tags[event.start - 1] == "WP" and self._forms[event.start - 1] != "what"
        )
        if relative or (
            event.start > 1 and self._tags[event.start - 2] == "WP" and self._tags[event.start - 1] == "R"
        ):
            event.subjects = self._antecedent(event)
            return
        own = self._free(near, left, event.start, previous is not None)
        if own:
            event.subjects = self._with_coordinates([own[-1]])
        elif (
            previous is not None
            and (not previous.is_finite or self._is_relative(previous))
            and not self._divided(previous.end, event.start)
        ):
            event.subjects = list(previous.subjects or previous.objects)
        elif own := self._after_subordinator(event):
            event.subjects = self._with_coordinates(own)
        elif previous is not None:
            before = self._before_inserted(event)
            finite = next(
                (
                    one
                    for one in reversed(self._events[:number])
                    if one.is_finite and one.subjects and one.end <= before
                ),
                previous,
            )
            event.subjects = list(finite.subjects)

    def _before_inserted(self, event: Event) -> int:
        """`he nods and, when she asks, says no`: what comes before a clause between marks."""
        mark = event.start - 1
        while mark > 0 and self._tags[mark] == "R":
            mark -= 1
        if self._tags[mark] != "PUN":
            return event.start
        pairs = zip(self._tags[:mark], self._tags[1:mark], self._forms[1:mark], strict=False)
        opened = [
            at
            for at, (one, two, form) in enumerate(pairs, 1)
            if (one, two) == ("PUN", "SC") and form != "that"
        ]
        return opened[-1] if opened else event.start

    def _antecedent(self, event: Event) -> list[int]:
        """What `who` stands for: the last mention, or the last living one for `who`."""
        before = [at for at, mention in enumerate(self._mentions) if mention.end < event.start]
        if self._forms[event.start - 1] == "who" and before:
            nearest = self._mentions[before[-1]]
            persons = [synset for synset, _ in wordnet().senses(nearest.head, "n")[:4]]
            if any(wordnet().lexfile(synset) == "noun.person" for synset in persons):
                return before[-1:]
            return ([at for at in before if self._is_living(at)] or before)[-1:]
        return self._with_outer(before[-1:])

    def _with_outer(self, chosen: list[int]) -> list[int]:
        """`a tractor with a trailer that drives`: either may be meant."""
        while chosen and self._mentions[chosen[-1]].to >= 0:
            chosen = [*chosen, self._mentions[chosen[-1]].to]
        return chosen

    def _free(self, near: list[int], left: int, right: int, has_previous: bool) -> list[int]:
        """Mentions that no preposition governs, after the last boundary if a verb came before."""
        boundary = left
        if has_previous:
            boundary = next(
                (
                    at + 1
                    for at in range(right - 1, left - 1, -1)
                    if self._tags[at] in ("SC", "CC", "PUN", "WP")
                ),
                -1,
            )
            if boundary < 0:
                return [at for at in near if not self._mentions[at].prep] if self._reports(left) else []
        free = [at for at in near if not self._mentions[at].prep]
        after = [at for at in free if self._mentions[at].start >= boundary]
        if after or not has_previous:
            return after or free
        return [at for at in free if self._opens(at, left)]

    def _after_subordinator(self, event: Event) -> list[int]:
        """`while another one, dressed in black, stops`: the first mention of the clause."""
        finite = [other.end for other in self._events if other.is_finite and other.end <= event.start]
        opened = [at for at in range(max(finite, default=0), event.start) if self._tags[at] == "SC"]
        if not opened or not finite:
            return []
        clause = range(opened[-1], event.start)
        return [at for at, m in enumerate(self._mentions) if m.start in clause and not m.prep][:1]

    def _is_relative(self, event: Event) -> bool:
        return event.start > 0 and self._tags[event.start - 1] == "WP"

    def _divided(self, start: int, end: int) -> bool:
        return any(self._tags[at] in ("SC", "CC", "PUN", "WP") for at in range(start, end))

    def _opens(self, at: int, left: int) -> bool:
        """Whether something divides a mention from the verb before it, so that it is not its object."""
        return any(
            self._tags[other] in ("SC", "CC", "PUN") for other in range(left, self._mentions[at].start)
        )

    def _reports(self, left: int) -> bool:
        """`says the coach is late`: a clause without `that`."""
        return any(event.end == left and event.verb in _CLAUSAL for event in self._events)

    def _subject_of_participle(self, event: Event, near: list[int], previous: Event | None) -> list[int]:
        before = event.start - 1
        if before >= 0 and self._tags[event.start] == "VBG" and self._forms[before] in _NAMING:
            return []
        if before >= 0 and (
            self._forms[before] == "of"
            or (
                before > 1
                and self._forms[before] == "and"
                and self._tags[before - 1] == "VBG"
                and self._forms[before - 2] == "of"
            )
        ):
            return []
        if near and self._mentions[near[-1]].end == event.start:
            chosen = near[-1]
            outer = self._mentions[chosen].to
            is_done_to = self._tags[event.place] == "VBD"
            while outer >= 0 and not is_done_to and not self._is_living(chosen) and self._is_living(outer):
                chosen = outer
            beside = self._mentions[chosen].prep in ("with", "in", "of", "on")
            outer_ones = self._with_outer([chosen])[1:2] if beside and not is_done_to else []
            return [*self._with_coordinates([chosen]), *outer_ones]
        if (
            previous is not None
            and previous.end == event.start
            and previous.verb in _PERCEIVING
            and (previous.subjects or previous.objects)
        ):
            return list(previous.objects or previous.subjects)
        if previous is not None and (
            before < 0
            or self._tags[before] in ("PUN", "CC", "SC", "IN", "TO", "R", "NEG")
            or before < previous.end
        ):
            if (
                self._tags[before] == "TO"
                and near
                and self._mentions[near[-1]].end == before
                and self._mentions[near[-1]].prep == "for"
            ):
                return self._with_coordinates(near[-1:])
            if self._tags[before] == "TO" and previous.objects:
                return list(previous.objects)
            main = next(
                (one for one in reversed(self._events[: self._events.index(event)]) if one.is_finite),
                previous,
            )
            return list(
                (previous if not previous.is_finite and self._tags[before] == "CC" else main).subjects
            )
        return self._with_coordinates([near[-1]]) if near and not self._mentions[near[-1]].prep else []

    def _subject_of_fronted(self, number: int, event: Event) -> None:
        """`Munching bamboo, the mother sits`: the subject of the verb that follows."""
        event.subjects = next((list(one.subjects) for one in self._events[number + 1 :] if one.is_finite), [])

    def _objects(self, number: int, event: Event) -> None:
        following = self._events[number + 1] if number + 1 < len(self._events) else None
        right = following.start if following is not None else len(self._tags)
        found: list[int] = []
        for at, mention in enumerate(self._mentions):
            if mention.start < event.end or mention.end > right or mention.prep or mention.coordinate >= 0:
                continue
            clause = any(other.start == mention.end and other.is_finite for other in self._events)
            if clause and event.verb in _CLAUSAL:
                break
            gap = range(event.end, mention.start)
            if any(self._tags[other] in ("SC", "WP", "CC", "PUN") for other in gap):
                break
            if found and any(
                self._tags[other] in ("IN", "TO")
                for other in range(self._mentions[found[0]].end, mention.start)
            ):
                break
            owned = at + 1 < len(self._mentions) and self._mentions[at + 1].owner == at
            if not owned:
                found.append(at)
        if len(found) >= 2 and event.verb in _DITRANSITIVE:
            event.recipients, event.objects = (
                self._with_coordinates(found[:1]),
                self._with_coordinates(found[1:2]),
            )
        elif found:
            event.objects = self._with_coordinates(found[:1])

    def _voice(self, number: int, event: Event) -> None:
        """A passive's subject is what it is done to; `by` names who does it."""
        agents = [
            at
            for at, mention in enumerate(self._mentions)
            if mention.prep in ("by", "by_the") and mention.start >= event.end and mention.to_event == number
        ]
        bare = not event.is_finite or event.subjects
        if not event.is_passive and self._tags[event.place] == "VBD" and not event.objects and bare:
            event.is_passive = bool(agents) or not self._only_verb(number)
        if event.is_passive:
            if event.objects:
                event.recipients = list(event.subjects)
            else:
                event.objects = list(event.subjects)
            living = [at for at in agents if self._is_living(at)]
            event.subjects = self._with_coordinates((living or agents)[:1])
        if number and self._is_undone(self._events[number - 1], event):
            event.negated = not event.negated
        if event.start > 0 and self._forms[event.start - 1] in ("without", "never"):
            event.negated = True
        event.negated ^= any(self._mentions[at].negated for at in (*event.subjects, *event.objects))

    def _is_undone(self, previous: Event, event: Event) -> bool:
        form = UNDOING.get(previous.verb)
        return (
            form is not None
            and previous.end < len(self._tags)
            and self._tags[previous.end] == form
            and (event.start == previous.end + (form == "TO"))
        )

    def _only_verb(self, number: int) -> bool:
        return not any(other.is_finite for at, other in enumerate(self._events) if at != number)

    def _with_coordinates(self, chosen: list[int]) -> list[int]:
        """A mention with all that `and` joins to it."""
        if not chosen:
            return []
        first = chosen[0]
        while self._mentions[first].coordinate >= 0:
            first = self._mentions[first].coordinate
        members = [first]
        for at in range(first + 1, len(self._mentions)):
            if self._mentions[at].coordinate in members:
                members.append(at)
        return members

    def _is_living(self, at: int) -> bool:
        mention = self._mentions[at]
        return mention.tag in ("PRP", "NNP") or meaning(mention.head, "n").kind in _LIVING
