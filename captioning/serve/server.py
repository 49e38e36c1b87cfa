"""One copy of a model: a server that is started, watched, and started again when it dies."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioning.serve.child import Child
from captioning.serve.command import LOOPBACK
from captioning.serve.looking import answers, read_load

_LOOK_S = 0.5
_HEALTH_S = 10.0
HANGS_AFTER_S = 300.0
"""A server that answers no /health for so long is taken for dead; a busy one may well take some tens of
seconds."""
PROGRESS_S = 30.0
LOAD_S = 60.0

Say = Callable[[str], None]


class ServerFailed(ValueError):
    """A server cannot be had; the message says which, how it ended, and what it said last."""


@dataclass(frozen=True)
class Launch:
    """What a server is started as: its name for messages, the command on a given port, its environment, the
    file that its output is added to; how long it may take to answer, and how often it is started again."""

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    log: Path
    start_within_s: float
    max_restarts: int


class Server:
    """Keeps a server alive from a thread of its own, at the same address across restarts.

    `say` hears, from that thread, how it goes; `on_lost` once, with a message, when the server died more
    often than it may after it had worked.
    """

    def __init__(self, launch: Launch, say: Say, on_lost: Say) -> None:
        self._launch, self._say, self._on_lost = launch, say, on_lost
        # Held, without listening, as long as the server is wanted, so that its port stays its own between two
        # lives. Servers set SO_REUSEADDR, which lets them bind to it, too.
        self._hold = socket.socket()
        self._hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._hold.bind((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._hold.getsockname()[1]}"
        self.restarts = 0
        self._failure: str | None = f"{launch.name} was not watched to its first answer"
        self._settled, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=launch.name, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServerFailed: it ended before, or took too long.
        """
        self._settled.wait()
        if self._failure is not None:
            raise ServerFailed(self._failure)

    def ask_to_stop(self) -> None:
        """Have it ended, without waiting for that."""
        self._stopping.set()

    def stop(self) -> None:
        """End it and wait for its end."""
        self._stopping.set()
        self._thread.join()
        self._hold.close()

    def _keep(self) -> None:
        try:
            self._live()
        except OSError as error:
            self._failure = f"{self._launch.name} cannot be started: {error}"
        finally:
            self._settled.set()

    def _live(self) -> None:
        while True:
            child = self._start()
            try:
                trouble = self._until_healthy(child)
                if trouble is None:
                    self._failure = None
                    self._settled.set()
                    trouble = self._while_alive(child)
            finally:
                child.stop()
            if self._stopping.is_set() or not self._may_go_on(trouble, child):
                return

    def _start(self) -> Child:
        launch = self._launch
        return Child(launch.command(int(self.url.rpartition(":")[2])), launch.environment, launch.log)

    def _until_healthy(self, child: Child) -> str | None:
        """Wait for the server's first answer; what went wrong, if anything."""
        started = time.monotonic()
        said = started
        while not self._stopping.wait(_LOOK_S):
            waited_s = time.monotonic() - started
            if (how := child.ended()) is not None:
                return f"{how} after {waited_s:.0f} s, before it answered"
            if answers(f"{self.url}/health", _HEALTH_S):
                self._say(f"{self._launch.name} answers after {waited_s:.0f} s")
                return None
            if waited_s > self._launch.start_within_s:
                return f"did not answer within {self._launch.start_within_s:.0f} s (engine.start_within_s)"
            if time.monotonic() - said > PROGRESS_S:
                said = time.monotonic()
                last = child.last_lines()[-1:] or ["nothing yet"]
                self._say(f"{self._launch.name}: not ready after {waited_s:.0f} s; it says: {last[0]}")
        return None

    def _while_alive(self, child: Child) -> str:
        """Watch a server that works; returns how it died, once it did."""
        answered = looked = told = time.monotonic()
        while not self._stopping.wait(_LOOK_S):
            if (how := child.ended()) is not None:
                return how
            now = time.monotonic()
            if now - looked > _HEALTH_S:
                looked = now
                if answers(f"{self.url}/health", _HEALTH_S):
                    answered = now
                elif now - answered > HANGS_AFTER_S:
                    return f"has not answered for {now - answered:.0f} s"
            if now - told > LOAD_S and (load := read_load(self.url, _HEALTH_S)) is not None:
                told = now
                child.note(str(load))
        return "stopped"

    def _may_go_on(self, trouble: str | None, child: Child) -> bool:
        launch = self._launch
        told = f"{launch.name} {trouble}"
        tail = "\n".join(f"    {line}" for line in child.last_lines())
        where = f"The end of {launch.log}:\n{tail}"
        if not self._settled.is_set():
            self._failure = f"{told}. {where}"
            return False
        if self.restarts >= launch.max_restarts:
            self._on_lost(
                f"{told}, after {self.restarts} restarts: it is not started again (engine.max_restarts). "
                f"{where}"
            )
            return False
        self.restarts += 1
        self._say(
            f"{told}; it is started again ({self.restarts} of {launch.max_restarts}). Its output: "
            f"{launch.log}"
        )
        return not self._stopping.wait(min(60.0, 2.0 ** (self.restarts - 1)))
