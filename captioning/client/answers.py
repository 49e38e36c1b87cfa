"""What comes back from a model server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    """A stretch of a transcription, in seconds from the start of the sound, with the model's own doubts:
    mean log-probability of its tokens, and how likely nobody speaks (None where the server does not say)."""

    start_s: float
    end_s: float
    text: str
    mean_logprob: float | None = None
    no_speech: float | None = None


@dataclass(frozen=True)
class Answer:
    """A model's words, as they came: hostile until checked.

    `complete` is False where the model ran out of tokens before it had finished. `mean_logprob` is that of
    the tokens, where the server says. `heard` and `language` are set for transcriptions only.
    """

    text: str
    complete: bool
    input_tokens: int
    output_tokens: int
    mean_logprob: float | None = None
    language: str | None = None
    heard: tuple[Heard, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A request that will never succeed, whoever is asked again: a person reads `detail`.

    `status` is the server's, of 500 and more where it failed at this request again and again while it
    answered others.
    """

    status: int
    detail: str
