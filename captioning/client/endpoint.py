"""One server as the client sees it."""

from __future__ import annotations

import asyncio
import random

from captioning.client.answers import Answer, Refused
from captioning.client.bodies import Body
from captioning.client.breaker import Breaker
from captioning.client.faults import Fault, FaultKind, MalformedReplyError, ServerConfigError, printable
from captioning.client.limit import Limit
from captioning.client.posting import MAX_ANSWER_BYTES, Reply, get, open_session, post
from captioning.client.replies import chat_answer, model_names, queue_lengths, refusal, transcription

MAX_RETRY_AFTER_S = 60.0
LOOK_S = 5.0
"""Longest wait for /health, /metrics and /v1/models."""
LOOK_EVERY_S, FIRST_LOOKS_EVERY_S = 1.0, 0.25


class Endpoint:
    """A server, what is on its way to it, and what is known of how it does. Lives in the event loop.

    `num_answers` counts what it made of requests of this client, refusals left out.
    """

    def __init__(self, url: str, api_key: str | None, most: int, timeout_s: float) -> None:
        self.url = url
        self.in_flight = 0
        self.num_answers = 0
        self.limit = Limit(most)
        self.breaker = Breaker()
        self._timeout_s = timeout_s
        self._root = url.removesuffix("/v1")
        self._session = open_session(url, api_key)
        self._paused_until = 0.0
        self._tells_queue: bool | None = None
        self._look_at = 0.0
        self._was_full = False

    def free(self, now: float) -> bool:
        """Whether a request may be sent now."""
        return self.breaker.lets and now >= self._paused_until and self.in_flight < self.limit.size

    def took(self) -> None:
        """A request is on its way."""
        self.in_flight += 1
        self._was_full |= self.in_flight >= self.limit.size

    async def ask(self, body: Body, model: str) -> Answer | Refused:
        """Send a request.

        Raises:
            Fault: it failed, and may succeed later or elsewhere.
            ServerConfigError: no request will succeed.
        """
        reply = await post(self._session, f"{self.url}/{body.path}", body, self._timeout_s)
        if reply.status != 200:
            return await self._refused(reply, body.path, model)
        if reply.cut:
            return Refused(200, f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        try:
            return chat_answer(reply.body) if body.path == "chat/completions" else transcription(reply.body)
        except MalformedReplyError as error:
            raise Fault(FaultKind.BROKEN, f"{self.url}/{body.path}: {error}") from None

    def answered(self) -> None:
        """It answered a request, in whatever way."""
        self.breaker.answered()
        if self._tells_queue is False and self.in_flight >= self.limit.size:
            self.limit.answered()

    def failed(self, fault: Fault, sent_at: float, now: float) -> None:
        """A request failed."""
        self.breaker.failed(sent_at, now, gone=fault.kind is FaultKind.UNREACHABLE)
        if fault.kind in (FaultKind.PUSHED_BACK, FaultKind.TIMED_OUT):
            self.limit.halve(sent_at, now)
        if fault.retry_after_s is not None:
            # Not all at the same moment.
            wait_s = min(MAX_RETRY_AFTER_S, fault.retry_after_s) * random.uniform(1, 1.1)
            self._paused_until = max(self._paused_until, now + wait_s)

    async def look(self, now: float) -> None:
        """See whether a server that failed is alive, or how long the queue of one that works is."""
        if self.breaker.probe_due(now):
            alive = await self._alive()
            self.breaker.probed(alive, asyncio.get_running_loop().time())
        elif self._was_full and self._tells_queue is not False and now >= self._look_at:
            self._was_full = False
            self._look_at = float("inf")
            await self._see_queue()
            pause_s = FIRST_LOOKS_EVERY_S if self.limit.doubling else LOOK_EVERY_S
            self._look_at = now + pause_s

    async def close(self) -> None:
        """Drop the connections."""
        await self._session.close()

    async def _refused(self, reply: Reply, path: str, model: str) -> Refused:
        status, where = reply.status, f"{self.url}/{path}"
        said = f"{where}: {status}: {refusal(reply.body)}"
        if status in (429, 503):
            raise Fault(FaultKind.PUSHED_BACK, said, reply.retry_after_s)
        if status == 408:
            raise Fault(FaultKind.TIMED_OUT, said)
        if status < 300 or status >= 500:
            raise Fault(FaultKind.BROKEN, said, status=status if status >= 500 else None)
        if status < 400:
            raise ServerConfigError(
                f"{where}: {status}: it points to '{printable(reply.location)}', and redirects are not "
                "followed. Give the address of the server itself"
            )
        if status in (401, 403, 407):
            raise ServerConfigError(
                f"{said}. Set api_key_env to the name of an environment variable that holds the server's key"
            )
        if status == 402:
            raise ServerConfigError(f"{said}. It wants to be paid first: see to the account of the key")
        if status in (404, 405):
            raise ServerConfigError(f"{said}. {await self._models(model)}")
        return Refused(status, refusal(reply.body))

    async def _models(self, model: str) -> str:
        """What to do where a server does not know the model, or is no such server."""
        try:
            reply = await get(self._session, f"{self.url}/models", LOOK_S)
            names = model_names(reply.body)
        except (Fault, MalformedReplyError):
            return "Give a base URL below which /models and /chat/completions lie, such as http://127.0.0.1:8000/v1"
        if model in names:
            return f"It serves '{model}', but not for this: is it a model of another kind?"
        return f"'{model}' is not served there; these are: {', '.join(names) or 'none'}"

    async def _alive(self) -> bool:
        """Whether a server can be asked again: anything but silence or a fault of its own will do, as not all
        servers have /health."""
        try:
            reply = await get(self._session, f"{self._root}/health", LOOK_S)
        except (Fault, ServerConfigError):
            return False
        return reply.status < 500

    async def _see_queue(self) -> None:
        try:
            reply = await get(self._session, f"{self._root}/metrics", LOOK_S)
            lengths = queue_lengths(reply.body) if reply.status == 200 else None
        except (Fault, ServerConfigError):
            lengths = None
        if lengths is not None:
            self._tells_queue = True
            self.limit.queue_seen(*lengths)
        elif self._tells_queue is None:
            self._tells_queue = False
