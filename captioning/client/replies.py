"""What servers say, read as if they meant harm: every type is checked, nothing is believed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from captioning.client.answers import Answer, Heard
from captioning.client.faults import MalformedReplyError, printable

MAX_TOKENS = 1 << 40
_QUEUE = re.compile(rb"^vllm:num_requests_(running|waiting)(?:\{[^\n]*\})?[ \t]+([0-9.eE+-]+)", re.MULTILINE)


def chat_answer(data: bytes) -> Answer:
    """The answer in a chat completion.

    Raises:
        MalformedReplyError: it is not one.
    """
    reply = _object(_json(data), "the reply")
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedReplyError("the reply has no choices")
    choice = _object(choices[0], "the choice")
    text = _object(choice.get("message"), "the message").get("content")
    used = reply.get("usage")
    usage = used if isinstance(used, dict) else {}
    return Answer(
        text="" if text is None else _text(text, "content"),
        complete=choice.get("finish_reason") == "stop",
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        mean_logprob=_mean_logprob(choice.get("logprobs")),
    )


def transcription(data: bytes) -> Answer:
    """The answer in a verbose transcription.

    Raises:
        MalformedReplyError: it is not one.
    """
    reply = _object(_json(data), "the reply")
    segments = reply.get("segments")
    if segments is not None and not isinstance(segments, list):
        raise MalformedReplyError(f"segments: {_shown(segments)}, expected a list")
    language = reply.get("language")
    return Answer(
        text=_text(reply.get("text"), "text"),
        complete=True,
        input_tokens=0,
        output_tokens=0,
        language=None if language is None else _text(language, "language"),
        heard=tuple(_heard(segment) for segment in segments or ()),
    )


def refusal(data: bytes) -> str:
    """What an error page says, for a person: the message of the API's error object, or the page itself."""
    try:
        reply = _json(data)
        error = reply.get("error", reply) if isinstance(reply, dict) else reply
        message = error.get("message") if isinstance(error, dict) else error
    except MalformedReplyError:
        message = None
    return (
        printable(message if isinstance(message, str) else data.decode(errors="replace")) or "no reason given"
    )


def model_names(data: bytes) -> list[str]:
    """The models that a server lists, for a person.

    Raises:
        MalformedReplyError: it is no list of models.
    """
    listed = _object(_json(data), "the reply").get("data")
    if not isinstance(listed, list):
        raise MalformedReplyError("the reply has no data")
    names = (_object(entry, "a model").get("id") for entry in listed[:20])
    return [printable(name) for name in names if isinstance(name, str)]


def queue_lengths(data: bytes) -> tuple[float, float] | None:
    """Requests running and waiting, by a vLLM server's /metrics page; None where it does not say."""
    sums = {b"running": 0.0, b"waiting": 0.0}
    seen = set()
    for name, value in _QUEUE.findall(data):
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number):
            sums[name] += number
            seen.add(name)
    return (sums[b"running"], sums[b"waiting"]) if len(seen) == 2 else None


def _mean_logprob(logprobs: Any) -> float | None:
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(tokens, list):
        return None
    told = (_number_or_none(token.get("logprob")) for token in tokens if isinstance(token, dict))
    values = [value for value in told if value is not None]
    return _number_or_none(sum(values) / len(values)) if values else None


def _heard(segment: Any) -> Heard:
    found = _object(segment, "a segment")
    start_s = max(0.0, _number(found.get("start"), "start"))
    return Heard(
        start_s=start_s,
        end_s=max(start_s, _number(found.get("end"), "end")),
        text=_text(found.get("text"), "text"),
        mean_logprob=_number_or_none(found.get("avg_logprob")),
        no_speech=_number_or_none(found.get("no_speech_prob")),
    )


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    # Digits without end are a ValueError, lists within lists without end a RecursionError.
    except (ValueError, RecursionError) as error:
        raise MalformedReplyError(f"no JSON ({printable(str(error))})") from None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedReplyError(f"{name} is {_shown(value)}, expected an object")
    return value


def _text(value: Any, name: str) -> str:
    """A string that can be written as UTF-8: JSON may hold halves of surrogate pairs."""
    if not isinstance(value, str):
        raise MalformedReplyError(f"{name}: {_shown(value)}, expected a string")
    return value.encode(errors="replace").decode()


def _number(value: Any, name: str) -> float:
    found = _number_or_none(value)
    if found is None:
        raise MalformedReplyError(f"{name}: {_shown(value)}, expected a number")
    return found


def _number_or_none(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(0, value), MAX_TOKENS)


def _shown(value: Any) -> str:
    return printable(repr(value), 60)
