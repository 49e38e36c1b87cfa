"""Text to tokens: contractions opened, hyphens split, possessive 's apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.quantities import VALUES
from captioning.fusion.lexicon.wordlists import listing

_TOKEN = re.compile(
    r"\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?%?|[^\W\d_]+(?:-[^\W\d_]+)+|[^\W\d_]+(?:'[^\W\d_]+)*\d*|\$|€|£|[^\w\s]",
    re.UNICODE,
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ";", "…": "."})
_OPENED = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("is", "not"),
    "let's": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gotta": ("got", "to"),
}
_ENDINGS = {"'s": "'s", "'re": "are", "'m": "am", "'ll": "will", "'ve": "have", "'d": "would"}
_BEFORE_IS = frozenset(listing("he she it that there here what who where how this when"))


@dataclass(frozen=True, slots=True)
class Token:
    """A word or mark as written (`text`), in lower case (`low`), and where it stands.

    `hyphen` says that the next token is joined to this one by a hyphen.
    """

    text: str
    low: str
    hyphen: bool
    quoted: bool


def tokenise(text: str) -> tuple[Token, ...]:
    """The tokens of a text; words inside double quotation marks are marked as quoted."""
    text = text.translate(_QUOTES)
    tokens: list[Token] = []
    quoted = False
    for found in _TOKEN.finditer(text):
        word = found.group()
        if word == '"':
            quoted = not quoted
            continue
        if "-" in word and len(word) > 1:
            parts = _hyphenated(word)
            tokens += [
                Token(part, part.lower(), at < len(parts) - 1, quoted) for at, part in enumerate(parts)
            ]
            continue
        if word == "-":
            if tokens and text[found.start() - 1 : found.start()].isalnum():
                last = tokens[-1]
                tokens[-1] = Token(last.text, last.low, text[found.end() : found.end() + 1].isalnum(), quoted)
            continue
        tokens += [Token(part, part.lower(), False, quoted) for part in _parts(word)]
    return tuple(tokens)


def _hyphenated(word: str) -> list[str]:
    """One word where WordNet has it so (passers-by, hip-hop), else its parts."""
    low = word.lower()
    if any(part in VALUES for part in low.split("-")):
        return word.split("-")
    if lemma(low, "n") or (lemma(low, "a") and not low.endswith(("ed", "ing"))):
        return [word]
    return word.split("-")


def _parts(word: str) -> tuple[str, ...]:
    low = word.lower()
    if "'" not in low:
        return _OPENED.get(low, (word,))
    if low in _OPENED:
        return _OPENED[low]
    if low.endswith("n't"):
        return (word[:-3], "not")
    for ending, opened in _ENDINGS.items():
        if low.endswith(ending) and len(low) > len(ending):
            stem = word[: -len(ending)]
            return (stem, "is") if opened == "'s" and stem.lower() in _BEFORE_IS else (stem, opened)
    if low.endswith("'") and len(low) > 1:
        return (word[:-1], "'s")
    return (word.replace("'", "") or word,)
