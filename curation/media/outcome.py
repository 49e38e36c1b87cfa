"""How an operation ended, in words for a person: each way to fail becomes the exception that fits it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.media.child import EXEC_FAILED, SETUP_FAILED
from curation.media.client import Ending
from curation.media.limits import DecodeLimits
from curation.media.text import plain_text

_MAX_DETAIL_CHARS = 500

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class DecodeError(Exception):
    """Media that cannot be used: bad data, to be turned into `Rejected`.

    `detail` continues a sentence that starts with the file's name.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def refusal(header: Mapping[str, Any]) -> DecodeError:
    """What the child said of the media."""
    try:
        reason = Reason(str(header.get("reason")))
    except ValueError:
        reason = Reason.DECODE_FAILED
    return DecodeError(reason, plain_text(str(header.get("detail")), _MAX_DETAIL_CHARS))


def nonsense(what: object) -> DecodeError:
    """The child broke the protocol, as one does that was taken over or whose memory was overwritten."""
    return DecodeError(
        Reason.DECODE_FAILED, plain_text(f"makes the decoder misbehave: it sent {what}", _MAX_DETAIL_CHARS)
    )


def overdue(allowed_s: float, progress_s: float) -> DecodeError:
    """The child kept its reader waiting."""
    return DecodeError(
        Reason.DECODE_TIMEOUT,
        f"took more than {allowed_s:g} s of wall clock for {progress_s:.1f} s of video; "
        "raise limits.wall_s if the machine was slow",
    )


def bad_end(ending: Ending, limits: DecodeLimits, stderr: str | None = None) -> DecodeError | Retry:
    """The child ended without a last word: a limit, a crash, somebody else's signal, or ffmpeg's failure, in
    which case `stderr` is given.

    Raises:
        RuntimeError: the child could not be set up, whatever the media.
    """
    if ending.code in (SETUP_FAILED, EXEC_FAILED):
        raise RuntimeError(f"a sandboxed child cannot be set up: {stderr or 'its own message is on stderr'}")
    if ending.cpu_s >= limits.cpu_s or ending.code == -signal.SIGXCPU:
        return DecodeError(
            Reason.DECODE_LIMIT,
            f"needs more than {limits.cpu_s} s of CPU; raise limits.cpu_s if that is meant",
        )
    if ending.code == -signal.SIGXFSZ:
        return DecodeError(
            Reason.DECODE_LIMIT,
            f"makes a file of more than {limits.file_size_bytes} bytes; raise limits.file_size_bytes",
        )
    if ending.code < 0:
        return _killed(-ending.code)
    if stderr is None:
        return nonsense(f"nothing and ended with exit code {ending.code}")
    if "No space left on device" in stderr:
        return Retry(f"ffmpeg: {stderr[-300:]}")
    last = plain_text(stderr[-_MAX_DETAIL_CHARS:], _MAX_DETAIL_CHARS)
    return DecodeError(
        Reason.ENCODE_FAILED, f"cannot be converted: ffmpeg ended with exit code {ending.code}: {last}"
    )


def _killed(number: int) -> DecodeError | Retry:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number in _FROM_OUTSIDE:
        return Retry(f"the decoding child was ended from outside ({name})")
    return DecodeError(Reason.DECODE_FAILED, f"crashes the decoder ({name}); the file is probably damaged")
