"""Tells a request that a server cannot answer from a server that cannot answer."""

from __future__ import annotations

import asyncio
import io
import wave
from dataclasses import dataclass, field

from captioning.client.answers import Answer, Refused
from captioning.client.bodies import Body, body_of
from captioning.client.endpoint import Endpoint
from captioning.client.faults import Fault
from captioning.client.requests import (
    ChatRequest,
    Model,
    Request,
    SamplingConfig,
    Sound,
    Text,
    TranscriptionRequest,
)

SAMPLE_RATE_HZ = 16_000


@dataclass
class _Seen:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = float("-inf")
    works: bool | None = None


class Canaries:
    """Sends each server, when asked about it, a request that any server of the kind can answer: a word of an
    answer to a greeting, or the text of a second of silence. Lives in the event loop."""

    def __init__(self) -> None:
        self._seen: dict[Endpoint, _Seen] = {}

    async def works(self, endpoint: Endpoint, like: Request, since: float) -> bool | None:
        """Whether a server answered such a request that was sent at `since` or later; None where it turned
        the canary down, which says nothing of the requests that matter.

        Raises:
            ServerConfigError: no request will succeed.
        """
        seen = self._seen.setdefault(endpoint, _Seen())
        # Whoever comes meanwhile shares the outcome.
        async with seen.lock:
            if seen.at < since:
                began = asyncio.get_running_loop().time()
                seen.works = await _asked(endpoint, like)
                seen.at = began
        return seen.works


async def _asked(endpoint: Endpoint, like: Request) -> bool | None:
    try:
        answer = await endpoint.ask(_body(like), like.model.name)
    except Fault:
        return False
    return None if isinstance(answer, Refused) else isinstance(answer, Answer)


def _body(like: Request) -> Body:
    model: Model = like.model
    if isinstance(like, ChatRequest):
        return body_of(ChatRequest(model, (Text("Hello"),), SamplingConfig(max_tokens=1)))
    return body_of(TranscriptionRequest(model, Sound(_silence(), "wav"), like.language), timed=False)


def _silence() -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(bytes(2 * SAMPLE_RATE_HZ))
    return data.getvalue()
