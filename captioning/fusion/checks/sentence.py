"""What a shallow parse knows of a text: words, noun phrases, events."""

from __future__ import annotations

from dataclasses import dataclass, field

from captioning.fusion.lexicon.quantities import Quantity
from captioning.fusion.lexicon.wordnet import Pos


@dataclass(frozen=True, slots=True)
class Word:
    """A content word: its lemma, part of speech and token; `phrases` are compounds that it is part of."""

    lemma: str
    pos: Pos
    form: str
    place: int
    tag: str
    is_name: bool
    phrases: tuple[str, ...]


@dataclass(slots=True)
class Mention:
    """A noun phrase. `modifiers` are lemmas before the head (red, wooden, police); `prep` is the preposition
    before it and `to` what that attaches to (index of a mention, or -1); `number` how many."""

    head: str
    tag: str
    start: int
    place: int
    end: int
    modifiers: list[str]
    number: Quantity | None
    determiner: str
    clause: int = 0
    owner: int = -1
    prep: str = ""
    to: int = -1
    to_event: int = -1
    negated: bool = False
    coordinate: int = -1
    compounds: tuple[str, ...] = ()
    collective: str = ""

    @property
    def is_plural(self) -> bool:
        """Whether it speaks of more than one."""
        return self.tag == "NS" or (self.number is not None and self.number.low > 1) or self.coordinate >= 0

    @property
    def is_pronoun(self) -> bool:
        """Whether it stands for something named elsewhere."""
        return self.tag in ("PRP", "NPRP")


@dataclass(slots=True)
class Event:
    """A verb with who does it (`subjects`) to whom (`objects`): indices of mentions, as far as found."""

    verb: str
    particle: str
    start: int
    place: int
    clause: int = 0
    subjects: list[int] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    recipients: list[int] = field(default_factory=list)
    is_finite: bool = True
    is_passive: bool = False
    negated: bool = False
    complements: list[str] = field(default_factory=list)
    end: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The verb, with its particle first where it has one."""
        return (f"{self.verb}_{self.particle}", self.verb) if self.particle else (self.verb,)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A parsed text (one or several sentences)."""

    text: str
    forms: tuple[str, ...]
    tags: tuple[str, ...]
    quoted: tuple[bool, ...]
    words: tuple[Word, ...]
    mentions: tuple[Mention, ...]
    events: tuple[Event, ...]
    clauses: tuple[int, ...]
    """Number of the clause of each token."""
    lemmas: frozenset[str]
    """All lemmas and compounds, for quick look-ups."""
