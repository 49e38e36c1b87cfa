"""A text model behind a real vLLM: words, schemas, many requests at once."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from captioning import lines
from captioning.client.answers import Answer
from captioning.client.client import Client
from captioning.client.requests import ChatRequest, SamplingConfig, Text
from captioning.fusion import written
from captioning.serve.looking import read_load
from tests.vllm.conftest import Running

BOUNDED: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "caption": {"type": "string", "maxLength": 40},
        "claims": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "maxLength": 20},
                    "cites": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 2,
                        "items": {"type": "string", "enum": ["V1", "A1", "S1"]},
                    },
                },
                "required": ["text", "cites"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["caption", "claims"],
    "additionalProperties": False,
}
"""The shape of a fused caption, with nothing in it that could go on without end."""


@pytest.fixture
def client(text_server: Running) -> Iterator[Client]:
    client = Client(text_server.urls, None)
    yield client
    client.close()


def request(
    server: Running, text: str, max_tokens: int = 16, schema: Mapping[str, Any] | None = None
) -> ChatRequest:
    sampling = SamplingConfig(max_tokens=max_tokens)
    return ChatRequest(server.model, (Text(text),), sampling, system="You are terse.", schema=schema)


def answered(client: Client, *requests: ChatRequest) -> list[Answer]:
    found = list(client.ask(requests, "unit"))
    assert all(isinstance(answer, Answer) for answer in found), found
    return [answer for answer in found if isinstance(answer, Answer)]


def test_it_answers_and_says_how_busy_it_is(text_server: Running, client: Client) -> None:
    (answer,) = answered(client, request(text_server, "What is seen?"))
    assert answer.text
    assert answer.output_tokens == 16
    assert not answer.complete
    assert answer.mean_logprob is not None
    assert answer.mean_logprob < 0
    load = read_load(text_server.root, 10)
    assert load is not None
    assert (load.running, load.waiting) == (0, 0)
    assert 0 <= load.kv_cache_share <= 1


def test_it_is_closed_to_those_without_the_key_and_keeps_no_prompts(
    text_server: Running, client: Client
) -> None:
    answered(client, request(text_server, "Chrysanthemum."))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{text_server.root}/v1/models", timeout=10)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{text_server.root}/docs", timeout=10)
    log = text_server.log.read_text()
    assert '"POST ' not in log
    assert "Chrysanthemum" not in log
    assert text_server.key not in log


def test_a_bounded_schema_gives_whole_json_without_whitespace(text_server: Running, client: Client) -> None:
    questions = [request(text_server, f"Fuse evidence {number}.", 400, BOUNDED) for number in range(8)]
    for answer in answered(client, *questions):
        assert answer.complete
        said = json.loads(answer.text)
        assert not re.search(r"\s", re.sub(r'"(?:[^"\\]|\\.)*"', "", answer.text))
        assert answer.text.startswith('{"caption":"')
        assert '"claims":[{"text":"' in answer.text
        assert 1 <= len(said["claims"]) <= 3
        assert all(set(claim["cites"]) <= {"V1", "A1", "S1"} for claim in said["claims"])


@pytest.mark.parametrize("schema", [lines.SCHEMA, written.schema(6)], ids=["lines", "claims"])
def test_the_schemas_of_captioners_are_taken(
    text_server: Running, client: Client, schema: Mapping[str, Any]
) -> None:
    (answer,) = answered(client, request(text_server, "Go.", 64, schema))
    assert answer.text.startswith("{")
    assert not answer.text[:12].isspace()


def test_many_at_once_come_back_in_order(text_server: Running, client: Client) -> None:
    questions = [request(text_server, f"Question {number}.", 8 + number) for number in range(32)]
    started = time.monotonic()
    answers = answered(client, *questions)
    print(f"32 requests at once: {time.monotonic() - started:.2f} s")
    # Random weights rarely stop by themselves: the number of tokens tells whose answer it is.
    same = sum(answer.output_tokens == 8 + number for number, answer in enumerate(answers))
    assert same >= 30
