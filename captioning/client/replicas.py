"""Like servers, of which each request goes to the one with the least to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from captioning.client.endpoint import Endpoint
from captioning.client.faults import Fault
from curation.base.stages import WaitedOut

TICK_S = 0.1


@dataclass(frozen=True)
class Turn:
    """A request's leave to be sent to a server."""

    endpoint: Endpoint
    sent_at: float
    is_trial: bool


@dataclass(frozen=True)
class _Waiting:
    future: asyncio.Future[Turn]
    since: float
    avoid: Endpoint | None


class Replicas:
    """Hands out turns, oldest request first. Lives in the event loop.

    `patience_s` is how long no server may have answered anything, with nothing on its way, before those that
    wait are told so.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], patience_s: float, on_size: Callable[[int], None]
    ) -> None:
        self.endpoints = endpoints
        self._patience_s = patience_s
        self._on_size = on_size
        self._waiting: deque[_Waiting] = deque()
        self._answered_at = float("-inf")
        self._last_fault = ""
        self._looks: set[asyncio.Task[None]] = set()

    def answers(self) -> dict[Endpoint, int]:
        """How many requests each server has answered."""
        return {endpoint: endpoint.num_answers for endpoint in self.endpoints}

    @contextmanager
    def sending(self, turn: Turn) -> Iterator[None]:
        """Around the sending of a request: what comes of it is remembered, and its turn given back."""
        try:
            yield
        except Fault as fault:
            self._last_fault = str(fault)
            turn.endpoint.failed(fault, turn.sent_at, _now())
            raise
        else:
            self.answered(turn.endpoint)
        finally:
            turn.endpoint.in_flight -= 1
            if turn.is_trial:
                turn.endpoint.breaker.over()
            self._serve()

    def answered(self, endpoint: Endpoint) -> None:
        """Note that a server answered something."""
        self._answered_at = _now()
        endpoint.answered()

    async def turn(self, since: float, avoid: Endpoint | None) -> Turn:
        """Wait for a server that is free; another than `avoid` if there is a choice.

        Raises:
            WaitedOut: no server has answered anything for too long.
        """
        waiting = _Waiting(asyncio.get_running_loop().create_future(), since, avoid)
        # One that failed before comes first: others wait for its answer, as answers are given in order.
        if avoid is None:
            self._waiting.append(waiting)
            for endpoint in self.endpoints:
                endpoint.breaker.hurry(since)
        else:
            self._waiting.appendleft(waiting)
        self._serve()
        try:
            return await waiting.future
        except asyncio.CancelledError:
            if waiting.future.done() and not waiting.future.cancelled() and not waiting.future.exception():
                self._give_back(waiting.future.result())
            raise

    def check_patience(self, since: float) -> None:
        """Give up on a request that has waited since then, if nothing moves.

        Raises:
            WaitedOut: no server has answered anything for too long.
        """
        quiet_s = _now() - max(self._answered_at, since)
        if quiet_s > self._patience_s and not any(endpoint.in_flight for endpoint in self.endpoints):
            raise WaitedOut(
                f"no answer from a model server for {quiet_s:.0f} s; the last word was: {self._last_fault}"
            )

    async def watch(self) -> None:
        """Look after the servers until cancelled."""
        try:
            while True:
                for endpoint in self.endpoints:
                    task = asyncio.create_task(endpoint.look(_now()))
                    self._looks.add(task)
                    task.add_done_callback(self._looks.discard)
                await asyncio.sleep(TICK_S)
                self._serve()
                self._give_up()
                self._on_size(sum(endpoint.limit.size for endpoint in self.endpoints))
        finally:
            for task in self._looks:
                task.cancel()

    def _serve(self) -> None:
        now = _now()
        while self._waiting:
            waiting = self._waiting[0]
            if waiting.future.done():
                self._waiting.popleft()
                continue
            free = [endpoint for endpoint in self.endpoints if endpoint.free(now)]
            if not free:
                return
            chosen = min(free, key=lambda endpoint: (endpoint is waiting.avoid, endpoint.in_flight))
            self._waiting.popleft()
            is_trial = chosen.breaker.passed()
            chosen.took()
            waiting.future.set_result(Turn(chosen, now, is_trial))

    def _give_back(self, turn: Turn) -> None:
        turn.endpoint.in_flight -= 1
        if turn.is_trial:
            turn.endpoint.breaker.over()
        self._serve()

    def _give_up(self) -> None:
        for waiting in self._waiting:
            if waiting.future.done():
                continue
            try:
                self.check_patience(waiting.since)
            except WaitedOut as error:
                waiting.future.set_exception(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
