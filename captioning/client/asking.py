"""Gets one request answered: sends it, and sends it again while that may help."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from captioning.client.answers import Answer, Refused
from captioning.client.bodies import body_of
from captioning.client.canary import Canaries
from captioning.client.config import TrafficConfig
from captioning.client.endpoint import Endpoint
from captioning.client.faults import Fault, FaultKind, ServerConfigError
from captioning.client.replicas import Replicas
from captioning.client.requests import Request, TranscriptionRequest
from captioning.client.retries import RetryBudget, backoff_s
from curation.base.stages import Retry

log = logging.getLogger(__name__)
COUNTED = (FaultKind.TIMED_OUT, FaultKind.BROKEN)
REFUSED_AT_FIRST = 20
"""Refusals, with no answer before them, after which the fault is taken to be the config's."""


@dataclass
class Traffic:
    """What a client has done so far."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    kept: int = 0
    """Requests that needed no sending, as their answers were kept."""

    @property
    def resent(self) -> int:
        """Sendings that came to nothing."""
        return self.sent - self.answered - self.refused


@dataclass
class _Tries:
    """How it went with a request so far; `answers` are how many each server had given when it came."""

    answers: dict[Endpoint, int]
    counted: int = 0
    faults: int = 0
    last: Endpoint | None = None
    failed_at: set[Endpoint] = field(default_factory=set)

    def failed(self, endpoint: Endpoint, fault: Fault) -> None:
        """Another try came to nothing."""
        self.faults += 1
        self.last = endpoint
        if fault.kind in COUNTED:
            self.counted += 1
            self.failed_at.add(endpoint)


class Asking:
    """Lives in the event loop; `traffic` is written there only."""

    def __init__(self, replicas: Replicas, config: TrafficConfig) -> None:
        self.traffic = Traffic()
        self._replicas = replicas
        self._config = config
        self._canaries = Canaries()
        self._timed = True
        window = config.max_in_flight * len(replicas.endpoints)
        self._budget = RetryBudget(config.retry_share, window, _now())
        self._unretried: dict[str, _Tries] = {}
        self._failing: set[str] = set()

    async def answer(self, request: Request) -> Answer | Refused:
        """The answer to a request. One that fails as often as it may at a server that works otherwise is
        refused.

        Raises:
            Retry: it failed too often, or no server has answered anything for too long.
            ServerConfigError: no request will succeed.
        """
        since = _now()
        self._budget.earn()
        tries = self._unretried.pop(request.digest, None) or _Tries(self._replicas.answers())
        timed = self._timed
        body = body_of(request, timed=timed)
        while True:
            turn = await self._replicas.turn(since, tries.last)
            self.traffic.sent += 1
            try:
                with self._replicas.sending(turn):
                    answer = await turn.endpoint.ask(body, request.model.name)
            except Fault as fault:
                tries.failed(turn.endpoint, fault)
                if tries.faults == 1:
                    # Patience is with servers that are known to be gone, not with one that was slow to fail.
                    since = _now()
                if fault.kind in COUNTED and not self.traffic.answered:
                    self._failing.add(request.digest)
                log.debug("request %s: %s", request.digest[:12], fault)
                if fault.kind is FaultKind.UNREACHABLE:
                    continue
                if turn.is_trial:
                    await self._look_again(turn.endpoint, request)
                if (refused := await self._at_its_end(request, tries, fault)) is not None:
                    self._count(refused, turn.endpoint)
                    return refused
                await self._wait(tries.faults, fault, since)
            else:
                if timed and _wants_no_times(request, answer):
                    self._timed = timed = False
                    body = body_of(request, timed=False)
                    continue
                self._count(answer, turn.endpoint)
                return answer

    async def _at_its_end(self, request: Request, tries: _Tries, fault: Fault) -> Refused | None:
        """What to say of a request that failed as often as it may; None if it may be sent again.

        It is the request's fault if the server where it failed last answers something simple, unless nothing
        else is ever answered. Where that server does not, but others do, it only met the wrong one, and may
        go on.

        Raises:
            Retry: no server answers anything, or nothing may be sent again.
            ServerConfigError: no request will succeed.
        """
        told = f"it failed {tries.counted} times"
        if tries.counted < self._config.max_tries:
            if tries.counted and self._budget.none_ever:
                self._unretried[request.digest] = tries
                raise Retry(
                    f"a request to a model server failed and may not be sent again: {fault}"
                ) from None
            return None
        assert tries.last is not None
        now = self._replicas.answers()
        answering = {endpoint for endpoint, count in now.items() if count > tries.answers[endpoint]}
        works = await self._canaries.works(tries.last, request, _now())
        if works:
            self._replicas.answered(tries.last)
        if (works and self._may_be_its_own(request)) or (works is None and answering & tries.failed_at):
            return Refused(fault.status, f"{told} where other requests are answered, at last with: {fault}")
        others = [endpoint for endpoint in now if endpoint is not tries.last]
        if self._budget.none_ever or not (answering or await self._any_works(others, request)):
            raise Retry(f"a request to a model server: {told}, at last with: {fault}") from None
        tries.counted, tries.answers = 0, now
        tries.failed_at.clear()
        return None

    async def _look_again(self, endpoint: Endpoint, like: Request) -> None:
        """Let a server have requests again that was left alone and failed at the first that was tried: by the
        next one's turn many might have lost their patience."""
        if await self._canaries.works(endpoint, like, _now()):
            self._replicas.answered(endpoint)

    def _may_be_its_own(self, request: Request) -> bool:
        """Whether a fault may be a request's own, going by those before. Where every chat request fails it is
        the server's; sounds without words in them, each of which makes vLLM 0.32 fail with a Whisper model,
        may well be all that a run has."""
        return (
            self.traffic.answered > 0
            or isinstance(request, TranscriptionRequest)
            or self._failing <= {request.digest}
        )

    async def _any_works(self, endpoints: list[Endpoint], like: Request) -> bool:
        now = _now()
        return any([await self._canaries.works(endpoint, like, now) for endpoint in endpoints])

    async def _wait(self, faults: int, fault: Fault, since: float) -> None:
        """Wait before a request is sent again. Where the server said how long, its turn comes no sooner."""
        self._replicas.check_patience(since)
        if fault.retry_after_s is None:
            await asyncio.sleep(backoff_s(faults))
        while not self._budget.none_ever and (pause_s := self._budget.spend(_now())):
            await asyncio.sleep(pause_s)

    def _count(self, answer: Answer | Refused, endpoint: Endpoint) -> None:
        """Note how a request ended.

        Raises:
            ServerConfigError: none was ever answered, and too many were refused for that to be theirs.
        """
        if isinstance(answer, Refused):
            self.traffic.refused += 1
            if not self.traffic.answered and self.traffic.refused >= REFUSED_AT_FIRST:
                raise ServerConfigError(_all_refused(answer, endpoint, self.traffic.refused))
            return
        endpoint.num_answers += 1
        self._failing.clear()
        self.traffic.answered += 1


def _wants_no_times(request: Request, answer: Answer | Refused) -> bool:
    """Whether a server refuses to tell the times of what was said, as vLLM does for most models but Whisper
    ("Currently do not support verbose_json for ...")."""
    return (
        isinstance(request, TranscriptionRequest)
        and isinstance(answer, Refused)
        and any(word in answer.detail for word in ("verbose_json", "response_format", "timestamp_granularit"))
    )


def _all_refused(last: Refused, endpoint: Endpoint, count: int) -> str:
    """What to tell and to do where nothing is answered."""
    detail = last.detail.rstrip(".")
    told = f"{endpoint.url} refused the first {count} requests, the last with {last.status}: {detail}"
    if any(word in detail.lower() for word in ("length", "max_model_len", "context", "tokens")):
        told += (
            ". If requests are too long for it, serve the model with a larger length (engine.max_model_len, "
            "vLLM's --max-model-len), or send less in each: fewer or smaller frames, fewer tokens to answer"
        )
    return f"{told}. What was refused until then is rejected; cliploom retry tries it again"


def _now() -> float:
    return asyncio.get_running_loop().time()
