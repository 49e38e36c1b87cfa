"""Gets one request answered: sends it, and sends it again while that may help."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from captioning.client.answers import Answer, Refused
from captioning.client.bodies import body_of
from captioning.client.config import TrafficConfig
from captioning.client.endpoint import Endpoint
from captioning.client.faults import Fault, FaultKind
from captioning.client.replicas import Replicas
from captioning.client.requests import Request
from captioning.client.retries import RetryBudget, backoff_s
from curation.base.stages import Retry

log = logging.getLogger(__name__)
COUNTED = (FaultKind.TIMED_OUT, FaultKind.BROKEN)


@dataclass
class Traffic:
    """What a client has done so far."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    kept: int = 0
    """Requests that needed no sending, as their answers were kept."""
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def resent(self) -> int:
        """Sendings that came to nothing."""
        return self.sent - self.answered - self.refused


class Asking:
    """Lives in the event loop; `traffic` is written there only."""

    def __init__(self, replicas: Replicas, config: TrafficConfig) -> None:
        self.traffic = Traffic()
        self._replicas = replicas
        self._config = config
        window = config.max_in_flight * len(replicas.endpoints)
        self._budget = RetryBudget(config.retry_share, window, _now())

    async def answer(self, request: Request) -> Answer | Refused:
        """The answer to a request.

        Raises:
            Retry: it failed too often, or no server has answered anything for too long.
            ServerConfigError: no request will succeed.
        """
        since = _now()
        body = body_of(request)
        self._budget.earn()
        faults = counted = 0
        last: Endpoint | None = None
        while True:
            turn = await self._replicas.turn(since, last)
            self.traffic.sent += 1
            try:
                with self._replicas.sending(turn):
                    answer = await turn.endpoint.ask(body, request.model.name)
            except Fault as fault:
                counted += fault.kind in COUNTED
                faults += 1
                last = turn.endpoint
                log.debug("request %s: %s", request.digest[:12], fault)
                if fault.kind is not FaultKind.UNREACHABLE:
                    self._check_tries(counted, fault)
                    await self._wait(faults, fault, since)
            else:
                self._count(answer)
                return answer

    def _check_tries(self, counted: int, fault: Fault) -> None:
        if counted >= self._config.max_tries or (counted and self._budget.none_ever):
            raise Retry(
                f"a request to a model server failed {counted} times, at last with: {fault}"
            ) from None

    async def _wait(self, faults: int, fault: Fault, since: float) -> None:
        """Wait before a request is sent again. Where the server said how long, its turn comes no sooner."""
        self._replicas.check_patience(since)
        if fault.retry_after_s is None:
            await asyncio.sleep(backoff_s(faults))
        while not self._budget.none_ever and (pause_s := self._budget.spend(_now())):
            await asyncio.sleep(pause_s)

    def _count(self, answer: Answer | Refused) -> None:
        if isinstance(answer, Refused):
            self.traffic.refused += 1
            return
        self.traffic.answered += 1
        self.traffic.input_tokens += answer.input_tokens
        self.traffic.output_tokens += answer.output_tokens


def _now() -> float:
    return asyncio.get_running_loop().time()
