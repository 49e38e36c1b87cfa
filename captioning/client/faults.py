"""What can go wrong between a client and its servers."""

from __future__ import annotations

from enum import Enum, auto

from curation.base.stages import Misconfigured


class ServerConfigError(Misconfigured):
    """The servers will never work for this user as they are configured: a wrong key, model or address."""


class FaultKind(Enum):
    """What a failed try says about the server."""

    UNREACHABLE = auto()
    """Nobody listens: the request was never sent."""
    PUSHED_BACK = auto()
    """It has enough to do (429, 503)."""
    TIMED_OUT = auto()
    """It did not answer in time (or 408)."""
    BROKEN = auto()
    """It failed (5xx), hung up, or what it said is no answer."""


class Fault(Exception):
    """A try failed, and another may succeed. `retry_after_s` is what the server asked for, if it did.

    `status` is the server's where it gave one of its own; else what a gateway would say (RFC 9110, section
    15.6): 504 for no answer in time, 502 for none or none that makes sense.
    """

    def __init__(
        self, kind: FaultKind, detail: str, retry_after_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.status = status or (504 if kind is FaultKind.TIMED_OUT else 502)


class MalformedReplyError(ValueError):
    """A server's reply is not what the API promises."""


def printable(text: str, most: int = 300) -> str:
    """Words of a server as they may be shown to a person: one line, nothing that steers a terminal."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * most])
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else f"{shown[:most]}…"
