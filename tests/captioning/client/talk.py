"""Short ways to ask a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.scripted_server import MODEL
from captioning.client.answers import Answer, Refused
from captioning.client.client import Client
from captioning.client.config import TrafficConfig, UrlsConfig
from captioning.client.requests import ChatRequest, Model, SamplingConfig, Text
from captioning.client.responses import Responses

HASTY = {"timeout_s": 30.0, "patience_s": 30.0, "retry_share": 1.0}


def question(text: str, **sampling: Any) -> ChatRequest:
    return ChatRequest(Model(MODEL, "1"), (Text(text),), SamplingConfig(**sampling))


def questions(count: int, start: int = 0) -> Iterator[ChatRequest]:
    return (question(f"q{number}") for number in range(start, start + count))


def expected(count: int, start: int = 0) -> list[str]:
    return [f"answer to q{number}" for number in range(start, start + count)]


@contextmanager
def client_of(*urls: str, responses: Responses | None = None, **traffic: Any) -> Iterator[Client]:
    client = Client(UrlsConfig(urls=urls, traffic=TrafficConfig(**{**HASTY, **traffic})), responses)
    try:
        yield client
    finally:
        client.close()


def texts(answers: Iterator[Answer | Refused]) -> list[str]:
    return [answer.text if isinstance(answer, Answer) else f"refused {answer.status}" for answer in answers]
