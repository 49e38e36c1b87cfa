"""A model's answer as the lines of a caption: short facts with their times."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from captioning.client.answers import Answer
from captioning.facts import fact
from captioning.records import Segment
from curation.media.text import plain_text

MAX_LINES = 24
MAX_LINE_CHARS = 300

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "maxItems": MAX_LINES,
            "items": {
                "type": "object",
                "properties": {
                    "start_s": {"type": "number"},
                    "end_s": {"type": "number"},
                    "text": {"type": "string", "maxLength": MAX_LINE_CHARS},
                },
                "required": ["start_s", "end_s", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}
"""What an answer must look like; everything in it has a bound, so that an answer ends."""

_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+")
_THOUGHT, _END_OF_THOUGHT = "<think>", "</think>"
_MEANT_AS_JSON = re.compile(r'\s*[{\[]|.*(?:```|"lines")', re.DOTALL)
_MOST_BRACES = 16
_DECLINES = re.compile(
    r"(i['’]?m|i am) (sorry|afraid|unable|not able)\b|i (can ?not|can['’]t|won['’]t)\b|as an ai\b",
    re.IGNORECASE,
)
_CHATTER = re.compile(
    r"(sure|certainly|of course|absolutely|okay|ok|yes)( thing)?[.!,:]?"
    r"|here( is|['’]s| are)\b.*(:|what i (see|hear)\.)|let me know\b.*",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


class UnusableAnswer(ValueError):
    """An answer that cannot be taken for a caption; the message says why."""


def said(answer: Answer) -> str:
    """What a model said, less the thoughts that a server lets it put before.

    Raises:
        UnusableAnswer: it broke off, or is empty.
    """
    if not answer.complete:
        raise UnusableAnswer(f"broke off after {answer.output_tokens} tokens; raise sampling.max_tokens")
    # Some chat templates open the thoughts themselves, so that only their end is in the answer.
    text = answer.text.rpartition(_END_OF_THOUGHT)[2].strip()
    if not text or text.startswith(_THOUGHT):
        raise UnusableAnswer("is empty")
    return text


def stated(text: str) -> Any:
    """The first JSON object in a text: all of it, or what a server that holds its models to no schema lets
    them wrap in Markdown and in words.

    Raises:
        UnusableAnswer: there is none.
    """
    # Servers hold models to a schema, and some let control characters through inside of its strings.
    decoder = json.JSONDecoder(strict=False)
    at, error = text.find("{"), "it has no object"
    for _ in range(_MOST_BRACES):
        if at < 0:
            break
        try:
            return decoder.raw_decode(text, at)[0]
        except (ValueError, RecursionError) as problem:
            error = f"{type(problem).__name__}: {problem}"
            at = text.find("{", at + 1)
    raise UnusableAnswer(f"is not the JSON asked for ({error})")


def lines_of(answer: Answer, duration_s: float) -> list[Segment]:
    """The facts in an answer, with times inside the clip, in order of time, each once.

    An answer that is no JSON, from a server that does not hold its models to a schema, is taken sentence by
    sentence, each for the whole clip. Confidence is the geometric mean of the probabilities of the answer's
    tokens, or 0.5 where the server does not give them.

    Raises:
        UnusableAnswer: it broke off, is empty, declines, is no such JSON, or is too long.
    """
    text = said(answer)
    found = _stated(text) if _MEANT_AS_JSON.match(text) else _sentences(text)
    confidence = 0.5 if answer.mean_logprob is None else math.exp(min(0.0, answer.mean_logprob))
    facts: dict[str, Segment] = {}
    for start_s, end_s, words in found:
        line = plain_text(words, MAX_LINE_CHARS)
        if any(char.isalnum() for char in line):
            start_s, end_s = _within(start_s, end_s, duration_s)
            facts.setdefault(line, fact(start_s, end_s, line, confidence))
    if len(facts) > MAX_LINES:
        raise UnusableAnswer(f"has {len(facts)} lines, more than {MAX_LINES}")
    return sorted(facts.values(), key=lambda line: (line.start_s, line.end_s))


def _stated(text: str) -> Iterator[tuple[float | None, float | None, str]]:
    try:
        for line in stated(text)["lines"]:
            yield _seconds(line["start_s"]), _seconds(line["end_s"]), _words(line["text"])
    except (TypeError, KeyError) as error:
        raise UnusableAnswer(f"is not the JSON asked for ({type(error).__name__}: {error})") from None


def _sentences(text: str) -> Iterator[tuple[None, None, str]]:
    if _DECLINES.match(text):
        raise UnusableAnswer("declines to describe it")
    for line in text.splitlines():
        for sentence in _SENTENCE_END.split(_BULLET.sub("", line)):
            if not _CHATTER.fullmatch(sentence.strip()):
                yield None, None, sentence


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a line's text is {type(value).__name__}")
    return value


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _within(start_s: float | None, end_s: float | None, duration_s: float) -> tuple[float, float]:
    """Times that lie in the clip: as given, or the whole of it where they make no sense."""
    if start_s is None or end_s is None or not 0 <= start_s <= end_s or start_s >= duration_s:
        return 0.0, duration_s
    return start_s, min(end_s, duration_s)
