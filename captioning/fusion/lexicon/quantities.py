"""Number words and vague quantities as ranges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from captioning.fusion.lexicon.wordlists import listing

MANY = 10**9
_UNITS = listing(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = listing("twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
VALUES: dict[str, int] = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 20 + 10 * value for value, word in enumerate(_TENS)},
}
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """At least `low`, at most `high`; equal for a plain number. `vague` ranges admit any within."""

    low: float
    high: float

    @property
    def is_exact(self) -> bool:
        """Whether it is a plain number."""
        return self.low == self.high

    def admits(self, other: Quantity, slack: float = 0.0) -> bool:
        """Whether the ranges meet, widened by a share of the bounds (for `about`)."""
        return self.low * (1 - slack) <= other.high and other.low <= self.high * (1 + slack)

    def times(self, factor: float) -> Quantity:
        """So many times this quantity."""
        return Quantity(self.low * factor, self.high * factor)


VAGUE: dict[str, Quantity] = {
    "a": Quantity(1, 1),
    "an": Quantity(1, 1),
    "single": Quantity(1, 1),
    "lone": Quantity(1, 1),
    "solitary": Quantity(1, 1),
    "sole": Quantity(1, 1),
    "both": Quantity(2, 2),
    "pair": Quantity(2, 2),
    "couple": Quantity(2, 2),
    "duo": Quantity(2, 2),
    "twin": Quantity(2, 2),
    "double": Quantity(2, 2),
    "twice": Quantity(2, 2),
    "once": Quantity(1, 1),
    "thrice": Quantity(3, 3),
    "triple": Quantity(3, 3),
    "trio": Quantity(3, 3),
    "threesome": Quantity(3, 3),
    "quartet": Quantity(4, 4),
    "foursome": Quantity(4, 4),
    "quintet": Quantity(5, 5),
    "dozen": Quantity(12, 12),
    "few": Quantity(2, 9),
    "several": Quantity(2, 20),
    "some": Quantity(1, MANY),
    "multiple": Quantity(2, MANY),
    "various": Quantity(2, MANY),
    "numerous": Quantity(4, MANY),
    "many": Quantity(3, MANY),
    "countless": Quantity(10, MANY),
    "handful": Quantity(2, 9),
    "group": Quantity(2, MANY),
    "crowd": Quantity(4, MANY),
    "herd": Quantity(3, MANY),
    "flock": Quantity(3, MANY),
    "dozens": Quantity(13, 1000),
    "scores": Quantity(20, 1000),
    "hundreds": Quantity(100, 9999),
    "thousands": Quantity(1000, MANY),
}
"""Words that say how many."""
COLLECTIVE = frozenset(
    listing(
        "group pair couple duo trio quartet quintet foursome threesome crowd herd flock handful bunch "
        "set row line number lot dozen dozens hundreds thousands scores team series pack stack pile "
        "heap string cluster swarm school fleet host range variety selection collection class band "
        "choir troupe troop gang gathering piece slice lump bit chunk drop cup glass bowl bottle plate "
        "bag box loaf sheet kind sort type form plenty majority rest million hundred thousand few "
        "several many some all both most half part"
    )
)
"""`a pair of skaters`, `a lump of clay`: what comes after `of` is what is there."""


def parse_number(words: Sequence[str]) -> Quantity | None:
    """The quantity that number words (lower case: `two hundred and five`, `1,200`, `half a dozen`) name."""
    if len(words) > 1 and all(VALUES.get(word, 10) < 10 for word in words):
        figure = float("".join(str(VALUES[word]) for word in words))
        return Quantity(figure, figure)
    words = [
        word
        for word in words
        if word not in ("and", "about", "around", "roughly", "nearly", "almost", "only")
    ]
    if list(words) in (["half", "a", "dozen"], ["half", "dozen"]):
        return Quantity(6, 6)
    total, current, seen = 0.0, 0.0, False
    for word in words:
        if word in VALUES:
            value = VALUES[word]
            current = current * 10 + value if seen and value < 10 and current < 10 else current + value
        elif word in _SCALES or word == "dozen":
            current = max(current, 1) * (12 if word == "dozen" else _SCALES[word])
            if word not in ("hundred", "dozen"):
                total, current = total + current, 0.0
        elif number := _NUMBER.match(word):
            current = current + float(number.group().replace(",", ""))
        else:
            return VAGUE.get(word) if not seen else Quantity(total + current, total + current)
        seen = True
    return Quantity(total + current, total + current) if seen else None


def split_numbers(words: Sequence[str]) -> list[list[str]]:
    """Runs of number words that belong together: `1902 forty` is two numbers, `3 million` one."""
    runs: list[list[str]] = []
    for word in words:
        before = runs[-1][-1] if runs else ""
        both_words = runs and not word[:1].isdigit() and not before[:1].isdigit()
        scaled = before[:1].isdigit() and (word in _SCALES or word == "dozen")
        if both_words or scaled:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def last_number(words: Sequence[str]) -> Quantity | None:
    """The number nearest to the noun that follows."""
    runs = split_numbers(words)
    return parse_number(runs[-1]) if runs else None
