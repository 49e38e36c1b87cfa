"""A stand-in for a model server: it speaks the OpenAI API, answers by a script, and fails as it is told.

It has the latency and the number of places that it is given, as a server with continuous batching does: what
finds no place waits in a queue, and finds 503 where that is full. It also has /v1/models, /health, and
/metrics with those gauges of vLLM that say how busy it is.

    with ScriptedServer(latency_s=0.1, places=64) as server: ...  # server.url
    python -m benchmarks.scripted_server --latency 0.5 --places 256 --port 8000
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "scripted"
MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Asked:
    """A request as it came: its path below /v1, its JSON or form fields, how often the same came before."""

    path: str
    body: dict[str, Any]
    digest: str
    times_before: int
    headers: dict[str, str]

    @property
    def texts(self) -> list[str]:
        """Every text of the last message."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return [content]
        return [part["text"] for part in content if part["type"] == "text"]


@dataclass(frozen=True)
class Say:
    """An answer; `finish` is "length" where the model ran out of tokens. `segments` are of transcriptions."""

    text: str
    finish: str = "stop"
    language: str = "en"
    logprob: float = -0.25
    segments: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Status:
    """An error, or any other status."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "scripted"


@dataclass(frozen=True)
class Raw:
    """Bytes with status 200 that need not be JSON. With `sent`, the socket is closed after so many."""

    body: bytes
    sent: int | None = None


@dataclass(frozen=True)
class HangUp:
    """The socket is closed without an answer."""


@dataclass(frozen=True)
class Hang:
    """Nothing is ever said."""


Act = Say | Status | Raw | HangUp | Hang
Script = Callable[[Asked], Act]


def echo(asked: Asked) -> Act:
    """Says which request it was."""
    if asked.path == "audio/transcriptions":
        segment = {"id": 0, "start": 0.0, "end": 1.0, "text": asked.digest[:8], "avg_logprob": -0.1}
        return Say(asked.digest[:8], segments=({**segment, "no_speech_prob": None},))
    return Say(f"answer to {asked.texts[-1]}")


class ScriptedServer:
    """Runs in a thread of its own from `with` on. `script` decides about each request; `answered` counts the
    answers that were given to someone who still listened, by digest of the request's content."""

    def __init__(
        self,
        script: Script = echo,
        *,
        latency_s: float = 0.0,
        places: int = 10_000,
        queue: int = 1_000_000,
        metrics: bool = True,
        api_key: str | None = None,
        port: int = 0,
        model: str = MODEL,
    ) -> None:
        self.script = script
        self._model = model
        self.latency_s = latency_s
        self.healthy = True
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.most_running = 0
        self.most_waiting = 0
        self.last: Asked | None = None
        self._places = places
        self._queue = queue
        self._metrics = metrics
        self._api_key = api_key
        self._port = port
        self._running = 0
        self._waiting = 0
        self._loop = asyncio.new_event_loop()
        self._site: web.TCPSite | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        self._do(self._set_up())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._tear_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def vanish(self) -> None:
        """Close the port and hang up on everyone, as a process that is killed."""
        self._do(self._vanish())

    def come_back(self) -> None:
        """Listen again on the same port."""
        self._do(self._listen())

    def vanish_for(self, seconds: float) -> Future[None]:
        """Vanish now and come back later, meanwhile returning at once."""

        async def away() -> None:
            await self._vanish()
            await asyncio.sleep(seconds)
            await self._listen()

        return asyncio.run_coroutine_threadsafe(away(), self._loop)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _set_up(self) -> None:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/audio/transcriptions", self._transcription)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        if self._metrics:
            app.router.add_get("/metrics", self._show_metrics)
        self._free = asyncio.Semaphore(self._places)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[-1][1]

    async def _vanish(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _tear_down(self) -> None:
        await self._vanish()
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        return await self._answer(request, "chat/completions", json.loads(data), data)

    async def _transcription(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        data = upload.file.read()
        fields |= {"filename": upload.filename, "bytes": str(len(data))}
        return await self._answer(request, "audio/transcriptions", fields, data)

    async def _answer(
        self, request: web.Request, path: str, body: dict[str, Any], data: bytes
    ) -> web.StreamResponse:
        if self._api_key is not None and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return _error(Status(401))
        if body.get("model") != self._model:
            return _error(Status(404, message=f"The model `{body.get('model')}` does not exist."))
        digest = hashlib.sha256(data).hexdigest()
        asked = Asked(path, body, digest, self.asked[digest], dict(request.headers))
        self.asked[digest] += 1
        self.last = asked
        if self._running >= self._places and self._waiting >= self._queue:
            return _error(Status(503))
        await self._work()
        return await self._act(request, asked, self.script(asked))

    async def _work(self) -> None:
        """Wait for a place, and hold it for as long as an answer takes."""
        self._waiting += 1
        self.most_waiting = max(self.most_waiting, self._waiting - (self._running < self._places))
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        self._running += 1
        self.most_running = max(self.most_running, self._running)
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self._running -= 1
            self._free.release()

    async def _act(self, request: web.Request, asked: Asked, act: Act) -> web.StreamResponse:
        if isinstance(act, Status):
            return _error(act)
        if isinstance(act, Hang):
            await asyncio.sleep(3600)
        if isinstance(act, HangUp):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(act, Raw):
            return await _raw(request, act)
        assert isinstance(act, Say)
        response = web.json_response(_reply(asked, act))
        await response.prepare(request)
        await response.write_eof()
        if request.transport is not None and not request.transport.is_closing():
            self.answered[asked.digest] += 1
        return response

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self._model, "object": "model"}]})

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        labels = f'{{engine="0",model_name="{MODEL}"}}'
        return web.Response(
            text="# TYPE vllm:num_requests_running gauge\n"
            f"vllm:num_requests_running{labels} {float(self._running)}\n"
            "# TYPE vllm:num_requests_waiting gauge\n"
            f"vllm:num_requests_waiting{labels} {float(self._waiting)}\n"
            f"vllm:kv_cache_usage_perc{labels} 0.0\n"
        )


def _reply(asked: Asked, say: Say) -> dict[str, Any]:
    if asked.path == "audio/transcriptions":
        return {"text": say.text, "language": say.language, "segments": list(say.segments), "duration": 1.0}
    message = {"role": "assistant", "content": say.text}
    tokens = [{"token": word, "logprob": say.logprob, "top_logprobs": []} for word in say.text.split()]
    choice = {"index": 0, "message": message, "finish_reason": say.finish, "logprobs": {"content": tokens}}
    return {
        "id": f"chatcmpl-{asked.digest[:8]}",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [choice],
        "usage": {"prompt_tokens": 7, "completion_tokens": len(tokens), "total_tokens": 7 + len(tokens)},
    }


def _error(act: Status) -> web.Response:
    error = {"error": {"message": act.message, "type": "scripted", "code": act.status}}
    return web.json_response(error, status=act.status, headers=act.headers)


async def _raw(request: web.Request, act: Raw) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(act.body)
    await response.prepare(request)
    await response.write(act.body[: act.sent])
    if act.sent is not None:
        assert request.transport is not None
        request.transport.close()
    return response


def main() -> None:
    """Serve until interrupted; the first line says where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that an answer takes")
    parser.add_argument("--places", type=int, default=64, help="requests that are answered at the same time")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    arguments = parser.parse_args()
    with ScriptedServer(latency_s=arguments.latency, places=arguments.places, port=arguments.port) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
