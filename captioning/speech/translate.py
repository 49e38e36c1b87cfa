"""Lines of speech in another language, by a language model; the original is kept beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import Field

from captioning.client.answers import Answer
from captioning.client.requests import ChatRequest, Text
from captioning.fence import fenced
from captioning.lines import UnusableAnswer, said, stated
from captioning.prompts import load_prompt
from captioning.provenance import canonical_parameters, provenance, without_folders
from captioning.records import Caption, Provenance, Segment, Translation
from captioning.served import Question, ServedModelConfig, Unusable, Used, ask, open_client
from curation.base.config import operational
from curation.base.stages import Stage
from curation.base.workspace import Workspace
from curation.media.text import plain_text

MAX_LINE_CHARS = 600
CHARS_PER_CHAR, MORE_CHARS = 8, 80
"""A translation this many times as long as its line, and this much more, says more than the line: an
ideograph may become a word of seven letters."""


class TranslateConfig(ServedModelConfig):
    """How speech is translated by a language model behind a server."""

    to: str = Field(
        "en", pattern=r"^[a-z]{2,3}$", description="ISO 639-1 code of the language to translate to"
    )
    prompt: str = operational("translate.v1", description="Prompt of the package, or the path of your own")


class Translator:
    """Asks for one translation per line of a caption, all lines of a clip at a time.

    A caption in the language asked for, in an unknown one, or without lines stays as it is. So does one for
    which no usable answer came, with a note in its provenance: an answer must be the JSON asked for, with
    exactly one line for each.
    """

    def __init__(self, config: TranslateConfig, workspace: Workspace, stage: Stage) -> None:
        self._config = config
        self._workspace = workspace
        self._stage = stage
        self._prompt = load_prompt(config.prompt, "to", "language")

    @property
    def prompt_sha256(self) -> str:
        """Of what the model is told, for the stage key."""
        return self._prompt.sha256

    def setup(self) -> None:
        """Open the client."""
        self._client = open_client(self._config, self._workspace, self._stage.name)

    def translated(self, captions: Sequence[tuple[str, Caption]]) -> Iterator[Caption]:
        """Captions with translations, in order; each comes with the id of its source.

        Raises:
            Retry: the servers are gone.
            Misconfigured: the servers refuse to work for this user.
        """
        foreign = [each for each in captions if self._is_foreign(each[1])]
        questions = [Question(caption, unit, partial(self._request, caption)) for unit, caption in foreign]
        found = {caption.clip_id: lines for caption, lines in ask(self._client, questions, translations)}
        for _, caption in captions:
            lines = found.get(caption.clip_id)
            if lines is None:
                yield caption
            elif isinstance(lines, Unusable):
                yield replace(caption, provenance=self._untranslated(caption.provenance))
            else:
                yield replace(caption, translation=self._translation(caption, lines))

    def _untranslated(self, origin: Provenance) -> Provenance:
        noted = {**json.loads(origin.parameters), "translation": f"no usable answer from {self._named}"}
        return replace(origin, parameters=canonical_parameters(noted))

    @property
    def _named(self) -> str:
        return f"{without_folders(self._config.model)} {self._config.revision}"

    def _is_foreign(self, caption: Caption) -> bool:
        return bool(caption.segments) and caption.language not in (None, self._config.to)

    def _request(self, caption: Caption) -> ChatRequest:
        lines = [
            f"{number}: {plain_text(line.text, MAX_LINE_CHARS)}"
            for number, line in enumerate(caption.segments, start=1)
        ]
        return ChatRequest(
            self._config.asked,
            (Text(fenced("\n".join(lines))),),
            self._config.sampling,
            self._prompt.filled(to=self._config.to, language=caption.language or ""),
            schema(len(lines)),
        )

    def _translation(self, caption: Caption, lines: Used[list[str]]) -> Translation:
        start_s, end_s = caption.segments[0].start_s, caption.segments[-1].end_s
        return Translation(
            language=self._config.to,
            segments=tuple(
                replace(line, text=text) for line, text in zip(caption.segments, lines.value, strict=True)
            ),
            provenance=provenance(
                self._stage,
                model=self._config.model,
                revision=self._config.revision,
                parameters=self._config.decoding(lines.sampling),
                spans=[(start_s, end_s)],
                prompt=self._prompt.file,
                prompt_text=self._prompt.text,
            ),
        )


def schema(num_lines: int) -> Mapping[str, Any]:
    """What an answer for so many lines must look like; everything in it has a bound."""
    line = {
        "type": "object",
        "properties": {
            "line": {"type": "integer", "minimum": 1, "maximum": num_lines},
            "text": {"type": "string", "minLength": 1, "maxLength": MAX_LINE_CHARS},
        },
        "required": ["line", "text"],
        "additionalProperties": False,
    }
    lines = {"type": "array", "minItems": num_lines, "maxItems": num_lines, "items": line}
    return {
        "type": "object",
        "properties": {"lines": lines},
        "required": ["lines"],
        "additionalProperties": False,
    }


def translations(caption: Caption, answer: Answer) -> list[str]:
    """The translation of each line of a caption.

    Raises:
        UnusableAnswer: the answer broke off, is not the JSON asked for, or has other lines.
    """
    found = stated(said(answer))
    try:
        lines = found["lines"]
        texts = {line["line"]: line["text"] for line in lines}
    except (TypeError, KeyError) as error:
        raise UnusableAnswer(f"is not the JSON asked for ({type(error).__name__})") from None
    if len(lines) != len(texts) or set(texts) != set(range(1, len(caption.segments) + 1)):
        raise UnusableAnswer(f"has {len(lines)} lines for {len(caption.segments)}, or numbers them otherwise")
    return [_checked(texts[number], line) for number, line in enumerate(caption.segments, start=1)]


def _checked(text: object, original: Segment) -> str:
    line = plain_text(text, MAX_LINE_CHARS) if isinstance(text, str) else ""
    if not any(char.isalnum() for char in line):
        raise UnusableAnswer("leaves a line out")
    if len(line) > CHARS_PER_CHAR * len(original.text) + MORE_CHARS:
        raise UnusableAnswer(f"makes {len(line)} characters of a line of {len(original.text)}")
    return line
