"""Asks like servers, from any thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace

from captioning.client.answers import Answer, Refused
from captioning.client.asking import Asking, Traffic
from captioning.client.asks import Asks
from captioning.client.config import UrlsConfig
from captioning.client.endpoint import Endpoint
from captioning.client.faults import ServerConfigError
from captioning.client.replicas import Replicas
from captioning.client.requests import Request
from captioning.client.responses import Responses
from captioning.client.window import Window
from curation.base.stages import Retry


class Client:
    """A pool of servers, looked after by one thread with an event loop; one per captioner and process.

    Raises:
        ServerConfigError: the variable that should hold the API key is not set, or holds no key.
    """

    def __init__(self, config: UrlsConfig, responses: Responses | None) -> None:
        self._config = config
        self._responses = responses
        self._api_key = _api_key(config)
        self._kept = 0
        self._closed = False
        self._lock = threading.Lock()
        self._window = Window(0)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._live, name="model-servers", daemon=True)
        self._thread.start()
        self._ready.wait()
        if not self._thread.is_alive():
            raise RuntimeError("the thread that asks model servers did not start")

    def ask(self, requests: Iterable[Request], unit: str) -> Iterator[Answer | Refused]:
        """Answers in the order of the requests, which are drawn from the iterable, in the caller's thread,
        only as fast as they can be sent.

        `unit` (a video_id) names where answers are kept. Of requests that are alike only one is sent.

        Raises:
            Retry: a request failed too often, or the servers are gone for longer than the patience; what was
                answered is kept, and the unit should be tried again later.
            ServerConfigError: no request will succeed, as the key, model or address is wrong.
            OSError: kept answers cannot be read.
        """
        kept = None if self._responses is None else self._responses.unit(unit)
        asks = Asks(requests, self._send, self._window, kept)
        try:
            yield from asks.answers()
        finally:
            with self._lock:
                self._kept += asks.num_kept

    @property
    def traffic(self) -> Traffic:
        """What was sent and answered so far."""
        return replace(self._asking.traffic, kept=self._kept)

    def close(self) -> None:
        """End the thread; what is on its way is dropped, and those who wait for it are told to try later."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _send(self, request: Request) -> Future[Answer | Refused]:
        # Under the lock, so that nothing is handed to a loop that will not run again.
        with self._lock:
            if self._closed:
                raise Retry("the client of the model servers was closed")
            return asyncio.run_coroutine_threadsafe(self._asking.answer(request), self._loop)

    def _live(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        traffic = self._config.traffic
        endpoints = [
            Endpoint(url, self._api_key, traffic.max_in_flight, traffic.timeout_s)
            for url in self._config.urls
        ]
        replicas = Replicas(endpoints, traffic.patience_s, self._window.resize)
        self._asking = Asking(replicas, traffic)
        self._window.resize(sum(endpoint.limit.size for endpoint in endpoints))
        watch = asyncio.create_task(replicas.watch())
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(watch, *others, return_exceptions=True)
            for endpoint in endpoints:
                await endpoint.close()


def _api_key(config: UrlsConfig) -> str | None:
    if config.api_key_env is None:
        return None
    # Files and secret stores like to end with a newline.
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise ServerConfigError(
            f"api_key_env: the environment variable {config.api_key_env} is not set; set it to the key of "
            f"{', '.join(config.urls)}"
        )
    if not (key.isascii() and key.isprintable()):
        raise ServerConfigError(
            f"api_key_env: the environment variable {config.api_key_env} holds a character that no header "
            "may hold, such as a newline in its middle. Set it to the key alone"
        )
    return key
