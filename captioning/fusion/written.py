"""A language model's fused text: claims in order, each with the lines it cites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from captioning.client.answers import Answer
from captioning.lines import UnusableAnswer, said, stated
from curation.media.text import plain_text

MAX_CLAIMS = 10
MAX_CLAIM_CHARS = 320
MAX_CITES = 8

_CLAIM: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_CLAIM_CHARS},
        "cites": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_CITES,
            "items": {"type": "string", "pattern": "^[VAS][1-9][0-9]{0,2}$"},
        },
    },
    "required": ["text", "cites"],
    "additionalProperties": False,
}


def schema(most: int) -> Mapping[str, Any]:
    """What an answer of at most so many claims must look like. The caption is its claims put one after
    another, so that every word of it belongs to a claim by construction."""
    claims = {"type": "array", "minItems": 1, "maxItems": most, "items": _CLAIM}
    return {
        "type": "object",
        "properties": {"claims": claims},
        "required": ["claims"],
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class WrittenClaim:
    """A sentence and the lines that the model says it rests on; nothing is checked yet."""

    text: str
    cites: tuple[str, ...]


def written_claims(answer: Answer, most: int) -> list[WrittenClaim]:
    """The claims in an answer, at most so many.

    Raises:
        UnusableAnswer: it broke off, is not the JSON asked for, or says nothing or too much.
    """
    found = stated(said(answer))
    try:
        claims = [
            WrittenClaim(_sentence(each["text"]), tuple(dict.fromkeys(map(_line, each["cites"]))))
            for each in found["claims"]
        ]
    except (TypeError, KeyError) as error:
        raise UnusableAnswer(f"is not the JSON asked for ({type(error).__name__}: {error})") from None
    claims = [claim for claim in claims if any(char.isalnum() for char in claim.text)]
    if not claims:
        raise UnusableAnswer("makes no claim")
    if len(claims) > most:
        raise UnusableAnswer(f"makes {len(claims)} claims, more than {most}")
    return claims


def _sentence(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a claim's text is {type(text).__name__}")
    return plain_text(text, MAX_CLAIM_CHARS)


def _line(cite: object) -> str:
    if not isinstance(cite, str):
        raise TypeError(f"a citation is {type(cite).__name__}")
    return plain_text(cite, 8)
