"""One sequence of requests on its way: drawn as there is room, answered in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from captioning.client.answers import Answer, Refused
from captioning.client.requests import Request
from captioning.client.unit_responses import UnitResponses
from captioning.client.window import Leave, Window
from curation.base.stages import Retry
from curation.base.usage import note_answer

MOST_OPEN = 8192
"""Requests of one sequence that may be drawn beyond the oldest that has no answer."""

Outcome = Future[Answer | Refused]


class Asks:
    """The requests of one caller. Only the caller's thread uses it; answers come in through a queue."""

    def __init__(
        self,
        requests: Iterable[Request],
        send: Callable[[Request], Outcome],
        window: Window,
        kept: UnitResponses | None,
    ) -> None:
        self._requests = iter(requests)
        self._send = send
        self._window = window
        self._kept = kept
        self._inbox: SimpleQueue[Leave | tuple[str, Outcome]] = SimpleQueue()
        self._open: deque[Outcome] = deque()
        self._sent: dict[str, Outcome] = {}
        self._drawing = True
        self._wanted: Leave | None = None
        self.num_kept = 0
        """Requests so far whose answers were kept from before."""

    def answers(self) -> Iterator[Answer | Refused]:
        """Answers in order; raises what `Client.ask` does."""
        try:
            while self._drawing or self._open:
                if self._drawing and self._wanted is None and len(self._open) < MOST_OPEN:
                    self._wanted = self._window.want(self._inbox)
                if not self._open or not self._open[0].done():
                    self._step()
                    continue
                while not self._inbox.empty():
                    self._step()
                # Whoever takes the answer may be long about it, or ask something else meanwhile.
                self._stop_wanting()
                yield self._first()
        finally:
            self._end()

    def _first(self) -> Answer | Refused:
        """The oldest answer; if that is a fault, whatever else is on its way is awaited and kept first."""
        first = self._open.popleft()
        if first.cancelled():
            raise Retry("the client was closed before a model server answered")
        if isinstance(first.exception(), Retry):
            self._drawing = False
            while any(not outcome.done() for outcome in self._open):
                self._step()
        return first.result()

    def _step(self) -> None:
        """Wait for one thing to happen: an answer, leave to draw, or the time to write answers down."""
        try:
            came = self._inbox.get(timeout=self._kept.due_in_s() if self._kept else None)
        except Empty:
            pass
        else:
            self._take(came)
        if self._kept is not None and self._kept.due_in_s() == 0:
            self._kept.flush()

    def _take(self, came: Leave | tuple[str, Outcome]) -> None:
        if isinstance(came, tuple):
            self._answered(*came)
        elif not came.withdrawn:
            self._wanted = None
            self._draw()

    def _draw(self) -> None:
        """Take the next request, holding a leave, and send it if nobody has answered it before."""
        sent = False
        try:
            request = next(self._requests, None) if self._drawing else None
            if request is None:
                self._drawing = False
                return
            outcome, sent = self._outcome_of(request)
            self._open.append(outcome)
        finally:
            if not sent:
                self._window.give_back()

    def _outcome_of(self, request: Request) -> tuple[Outcome, bool]:
        """What will come of a request, and whether it had to be sent."""
        digest = request.digest
        if (known := self._kept.get(digest) if self._kept else None) is not None:
            self.num_kept += 1
            done: Outcome = Future()
            done.set_result(known)
            return done, False
        if digest in self._sent:
            return self._sent[digest], False
        outcome = self._sent[digest] = self._send(request)
        window, inbox = self._window, self._inbox

        def came(ended: Outcome) -> None:
            window.give_back()
            inbox.put((digest, ended))

        outcome.add_done_callback(came)
        return outcome, True

    def _answered(self, digest: str, ended: Outcome) -> None:
        self._sent.pop(digest, None)
        if ended.cancelled() or ended.exception() is not None:
            # What would come after a fault is left to the next try at the unit.
            self._drawing = False
        elif isinstance(answer := ended.result(), Answer):
            note_answer(answer.input_tokens, answer.output_tokens)
            if self._kept is not None:
                self._kept.add(digest, answer)

    def _stop_wanting(self) -> None:
        if self._wanted is not None:
            self._window.withdraw(self._wanted)
            self._wanted = None

    def _end(self) -> None:
        self._stop_wanting()
        while not self._inbox.empty():
            if isinstance(came := self._inbox.get(), tuple):
                self._answered(*came)
        for outcome in self._open:
            outcome.cancel()
        if self._kept is not None:
            self._kept.flush()
            self._kept.tidy()
