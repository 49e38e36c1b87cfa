"""What captioners that ask model servers share: the model, its server, and asking again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import Field

from captioning.client.answers import Answer, Refused
from captioning.client.client import Client
from captioning.client.config import UrlsConfig
from captioning.client.requests import ChatRequest, Model, SamplingConfig
from captioning.client.responses import Responses
from captioning.lines import UnusableAnswer
from captioning.serve.config import ServerConfig, units_in_flight
from curation.base.config import Config, operational
from curation.base.stages import Misconfigured, Resources
from curation.base.storage import Storage
from curation.base.workspace import Workspace

MAX_ASKED = 3
"""Times that a model is asked for a usable answer, each with another draw of words."""
_OTHER_DRAW_TEMPERATURE = 0.4
_OK = 200

Item = TypeVar("Item")
Usable = TypeVar("Usable")


class ServedConfig(Config):
    """A model behind a server."""

    model: str = Field(
        ..., min_length=1, description="The model's name on the Hugging Face hub, or its folder on the server"
    )
    revision: str = Field(
        ...,
        min_length=1,
        description="The commit that the server holds (40 hex digits for a model of the hub); another one is "
        "another captioner",
    )
    quantization: str | None = Field(
        None,
        pattern=r"^[a-z0-9_-]+$",
        description="vLLM's name of how the server makes the weights smaller, e.g. fp8; default: it does not",
    )
    server: ServerConfig = operational(..., description="Where it is served")
    responses: str | None = operational(
        None,
        min_length=1,
        description="Folder or URL where answers are kept, which runs may share; default: in the run",
    )

    @property
    def asked(self) -> Model:
        """As requests name it."""
        return Model(self.model, self.revision, self.quantization)

    def decoding(self) -> dict[str, Any]:
        """What decides its words beside its weights and what it is asked, as provenance names it."""
        return {} if self.quantization is None else {"quantization": self.quantization}


class ServedModelConfig(ServedConfig):
    """A model behind a server that writes text."""

    sampling: SamplingConfig = Field(SamplingConfig(), description="How it chooses its words")

    def decoding(self, sampling: SamplingConfig | None = None) -> dict[str, Any]:
        """What decides its words beside its weights and what it is asked, as provenance names it.

        `sampling` is that of the answer that was used, where that was another draw than the first.
        """
        return {**super().decoding(), **(sampling or self.sampling).semantic()}


def for_server(resources: Resources, server: ServerConfig) -> Resources:
    """What a stage occupies that asks a server: as many units in hand as keep it busy."""
    return replace(resources, units_in_flight=units_in_flight(server))


def open_client(config: ServedConfig, workspace: Workspace, stage: str) -> Client:
    """A client of a captioner's servers that keeps answers.

    Raises:
        Misconfigured: the servers' addresses are not known here.
    """
    if not isinstance(config.server, UrlsConfig):
        raise Misconfigured(
            f"{stage}: the server of {config.model} was not started; only a run starts servers of kind "
            f"'{config.server.kind}'. Use cliploom run, or give kind: urls"
        )
    if config.responses is None:
        return Client(config.server, Responses(workspace.storage, f"responses/{stage}"))
    return Client(config.server, Responses(Storage(config.responses), stage))


@dataclass(frozen=True)
class Question(Generic[Item]):
    """What is asked about an item, of a unit whose answers are kept together. `request` makes the request
    when its turn comes, so that the pictures and sounds of a whole batch are never in memory together."""

    item: Item
    unit: str
    request: Callable[[], ChatRequest]


@dataclass(frozen=True)
class Used(Generic[Usable]):
    """What was made of an answer, and how the model chose its words."""

    value: Usable
    sampling: SamplingConfig


@dataclass(frozen=True)
class Unusable:
    """No answer to a question could be used; `why` says what was wrong with the last."""

    why: str


def ask(
    client: Client, questions: Sequence[Question[Item]], use: Callable[[Item, Answer], Usable]
) -> Iterator[tuple[Item, Used[Usable] | Unusable]]:
    """Each item with what `use` made of the model's answer, in order.

    An answer for which `use` raises `UnusableAnswer` is asked for again, up to `MAX_ASKED` times in all, with
    another seed and some temperature, as the same words would come back otherwise.

    Raises:
        Retry: the servers are gone; what they answered is kept.
        Misconfigured: the servers refuse to work for this user at all.
    """
    done: dict[int, Used[Usable] | Unusable] = {}
    open_ones = list(enumerate(questions))
    for round_number in range(MAX_ASKED):
        open_ones = [(number, question) for number, question in open_ones if number not in done]
        last = round_number == MAX_ASKED - 1
        for unit, asked in _by_unit(open_ones).items():
            drawn: list[SamplingConfig] = []
            requests = (_draw(question.request(), round_number, drawn) for _, question in asked)
            answers = client.ask(requests, unit)
            for place, ((number, question), answer) in enumerate(zip(asked, answers, strict=True)):
                if isinstance(answer, Refused):
                    # An answer beyond all bounds is no refusal: another draw of words may end.
                    if last or answer.status != _OK:
                        done[number] = Unusable(f"the server refused it ({answer.status}): {answer.detail}")
                    continue
                try:
                    done[number] = Used(use(question.item, answer), drawn[place])
                except UnusableAnswer as error:
                    if last:
                        done[number] = Unusable(f"asked {MAX_ASKED} times, the answer {error}")
    for number, question in enumerate(questions):
        yield question.item, done[number]


def _by_unit(
    questions: Sequence[tuple[int, Question[Item]]],
) -> Mapping[str, list[tuple[int, Question[Item]]]]:
    units: dict[str, list[tuple[int, Question[Item]]]] = {}
    for number, question in questions:
        units.setdefault(question.unit, []).append((number, question))
    return units


def _draw(request: ChatRequest, number: int, drawn: list[SamplingConfig]) -> ChatRequest:
    """The request of a round; how it is drawn goes to the end of `drawn`."""
    sampling = request.sampling
    if number:
        temperature = max(_OTHER_DRAW_TEMPERATURE, sampling.temperature)
        sampling = sampling.model_copy(update={"seed": sampling.seed + number, "temperature": temperature})
    drawn.append(sampling)
    return replace(request, sampling=sampling)
