"""Whether lines entail a claim, asked of a model: of one behind a server, or of a classifier by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from captioning.client.answers import Answer
from captioning.client.requests import ChatRequest, Text
from captioning.fence import fenced
from captioning.fusion.classifier import ClassifierConfig, EntailmentClassifier
from captioning.lines import UnusableAnswer, said, stated
from captioning.prompts import load_prompt
from captioning.served import Question, ServedModelConfig, Unusable, ask, open_client
from curation.base.config import operational
from curation.base.workspace import Workspace
from curation.media.text import plain_text

Pair = tuple[str, str]
"""What is given, and the claim."""
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"follows": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["follows"],
    "additionalProperties": False,
}


class LlmEntailmentConfig(ServedModelConfig):
    """A language model that is asked of each claim alone, so that it cannot be led by the rest of the text
    (CapMAS, arXiv 2412.15484)."""

    kind: Literal["llm"] = Field("llm", description="A language model behind a server")
    prompt: str = operational("entail.v1", description="Prompt of the package, or the path of your own")


EntailmentConfig = Annotated[LlmEntailmentConfig | ClassifierConfig, Field(discriminator="kind")]


class Entailment(ABC):
    """Judges pairs of evidence and claim."""

    def setup(self) -> None:  # noqa: B027 - some have nothing to load
        """Load the model or open the client."""

    @abstractmethod
    def fingerprints(self) -> Mapping[str, str]:
        """Of the prompt, or of the weights."""

    @abstractmethod
    def __call__(self, pairs: Sequence[Pair], units: Sequence[str]) -> Sequence[float | Unusable]:
        """How probable it is (0..1) that each claim follows; `units` name where answers are kept."""


class LlmEntailment(Entailment):
    """Yes or no, from a server."""

    def __init__(self, config: LlmEntailmentConfig, workspace: Workspace, stage: str) -> None:
        self._config = config
        self._workspace = workspace
        self._stage = stage
        self._prompt = load_prompt(config.prompt, "lines", "claim")

    def setup(self) -> None:
        """Open the client."""
        self._client = open_client(self._config, self._workspace, f"{self._stage}_entailment")

    def fingerprints(self) -> Mapping[str, str]:
        """The prompt's."""
        return {"entailment_prompt": self._prompt.sha256}

    def __call__(self, pairs: Sequence[Pair], units: Sequence[str]) -> Sequence[float | Unusable]:
        """1 for yes, 0 for no."""
        questions = [
            Question(pair, unit, partial(self._request, pair))
            for pair, unit in zip(pairs, units, strict=True)
        ]
        found = ask(self._client, questions, _verdict)
        return [verdict if isinstance(verdict, Unusable) else verdict.value for _, verdict in found]

    def _request(self, pair: Pair) -> ChatRequest:
        lines, claim = pair
        return ChatRequest(
            self._config.asked,
            (Text(self._prompt.filled(lines=fenced(lines), claim=fenced(claim))),),
            self._config.sampling,
            schema=SCHEMA,
        )


class ClassifierEntailment(Entailment):
    """A classifier in this process."""

    def __init__(self, config: ClassifierConfig) -> None:
        self._config = config

    def setup(self) -> None:
        """Load the weights."""
        self._classifier = EntailmentClassifier(self._config)

    def fingerprints(self) -> Mapping[str, str]:
        """Of the weights and libraries."""
        return self._config.fingerprints()

    def __call__(self, pairs: Sequence[Pair], units: Sequence[str]) -> Sequence[float | Unusable]:
        """The classifier's probabilities."""
        return self._classifier(pairs)


def entailment(
    config: LlmEntailmentConfig | ClassifierConfig | None, workspace: Workspace, stage: str
) -> Entailment | None:
    """What a config asks for."""
    if config is None:
        return None
    if isinstance(config, LlmEntailmentConfig):
        return LlmEntailment(config, workspace, stage)
    return ClassifierEntailment(config)


def _verdict(pair: Pair, answer: Answer) -> float:
    text = said(answer)
    follows = stated(text).get("follows") if "{" in text else text
    word = follows.strip(' ".').lower() if isinstance(follows, str) else ""
    if word not in ("yes", "no"):
        raise UnusableAnswer(f"is '{plain_text(text, 40)}', neither yes nor no")
    return 1.0 if word == "yes" else 0.0
