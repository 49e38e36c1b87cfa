"""A vision-language model behind a real vLLM: frames as bytes, and no way out for a request."""

from __future__ import annotations

import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from PIL import Image

from captioning import lines
from captioning.client.answers import Answer, Refused
from captioning.client.client import Client
from captioning.client.requests import ChatRequest, Part, Picture, SamplingConfig, Text
from captioning.serve.command import MAX_ITEMS
from tests.vllm.conftest import Running
from tests.vllm.taught_models import COLOURS, SHOWN


@pytest.fixture
def client(vision_server: Running) -> Iterator[Client]:
    client = Client(vision_server.urls, None)
    yield client
    client.close()


def jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64), COLOURS[colour]).save(buffer, "JPEG")
    return buffer.getvalue()


def request(
    server: Running, *parts: Part, max_tokens: int = 12, schema: Mapping[str, Any] | None = None
) -> ChatRequest:
    return ChatRequest(server.model, parts, SamplingConfig(max_tokens=max_tokens), schema=schema)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_colour_of_frames_is_seen(vision_server: Running, client: Client, colour: str) -> None:
    asked = request(vision_server, Text("0.5 s:"), Picture(jpeg(colour)), max_tokens=200, schema=lines.SCHEMA)
    (answer,) = client.ask([asked], "unit")
    assert isinstance(answer, Answer)
    assert [line.text for line in lines.lines_of(answer, 9.0)] == [SHOWN, f"It is {colour}."]


def test_frames_with_their_times_are_seen(vision_server: Running, client: Client) -> None:
    parts: list[Part] = []
    for number, colour in enumerate(("red", "green", "blue")):
        parts += [Text(f"{number}.0 s:"), Picture(jpeg(colour))]
    with_frames, without = client.ask(
        [
            request(vision_server, *parts),
            request(vision_server, *[part for part in parts if isinstance(part, Text)]),
        ],
        "unit",
    )
    assert isinstance(with_frames, Answer)
    assert isinstance(without, Answer)
    assert with_frames.output_tokens == 12
    # A frame of 96x64 pixels is 4 x 3 patches of 28 pixels at least, between two marks.
    assert with_frames.input_tokens - without.input_tokens >= 3 * 6


def test_a_frame_that_is_no_picture_is_refused_and_the_server_lives(
    vision_server: Running, client: Client
) -> None:
    broken, whole = client.ask(
        [
            request(vision_server, Picture(b"\xff\xd8 no picture")),
            request(vision_server, Picture(jpeg("red"))),
        ],
        "unit",
    )
    assert isinstance(broken, Refused)
    assert isinstance(whole, Answer)


def test_more_frames_than_a_request_may_hold_are_refused(vision_server: Running, client: Client) -> None:
    (answer,) = client.ask(
        [request(vision_server, *[Picture(jpeg("red"))] * (MAX_ITEMS["image"] + 1))], "unit"
    )
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("kind", ["image_url", "video_url"])
def test_a_url_is_not_fetched(vision_server: Running, kind: str) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    web = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{web.server_port}/secret"
        status, _ = post(vision_server, [{"type": kind, kind: {"url": url}}])
    finally:
        web.shutdown()
        web.server_close()
    assert 400 <= status < 500
    assert asked == []


def test_a_file_of_the_server_is_not_read(vision_server: Running) -> None:
    status, said = post(vision_server, [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}])
    assert status >= 400
    assert "root:" not in said


def post(server: Running, content: list[dict[str, Any]]) -> tuple[int, str]:
    body = {"model": server.model.name, "max_tokens": 4, "messages": [{"role": "user", "content": content}]}
    asked = urllib.request.Request(
        f"{server.urls.urls[0]}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"},
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
