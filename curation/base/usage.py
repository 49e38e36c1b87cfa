"""What a try at a unit used of model servers: noted where answers come in, taken where it is written down."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """Requests that servers answered, and the tokens of questions and answers, as far as they tell."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class _Noted(threading.local):
    usage = Usage()


_noted = _Noted()


def note_answer(input_tokens: int, output_tokens: int) -> None:
    """A server answered a request of this thread."""
    so_far = _noted.usage
    _noted.usage = Usage(
        so_far.answers + 1, so_far.input_tokens + input_tokens, so_far.output_tokens + output_tokens
    )


def take_usage() -> Usage:
    """What this thread used since its last call."""
    usage, _noted.usage = _noted.usage, Usage()
    return usage
