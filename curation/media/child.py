"""What runs in a sandboxed child: one operation of a fixed list, then the end."""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import struct
import sysconfig
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.media import jail, lockdown
from curation.media.wire import Sender

REQUEST_LENGTH = struct.Struct("!I")

_OPERATIONS = {
    "probe": "curation.media.operations.probe",
    "frames": "curation.media.operations.frames",
    "audio": "curation.media.operations.audio",
    "packets": "curation.media.operations.packets",
    "pictures": "curation.media.operations.pictures",
    "samples": "curation.media.operations.samples",
}

SETUP_FAILED, EXEC_FAILED = 126, 127
"""Exit codes of a child that could not confine itself, or not start ffmpeg."""


class RefusedError(Exception):
    """The media cannot be used; `reason` is a value of `curation.base.rejects.Reason`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def preload() -> None:
    """Import everything that children need, once, and keep the collector off shared pages."""
    for module in _OPERATIONS.values():
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


def run_child(data: socket.socket) -> int:
    """Read a request, confine this process, run it; returns the exit code."""
    request = _read_request(data)
    jail.confine(request["limits"])
    lockdown.refuse_system_calls()
    if request["operation"] == "ffmpeg":
        return _exec_ffmpeg(data, request["arguments"])
    _silence_stderr()
    sender = Sender(data)
    sender.send(_summary(sender, request))
    sender.flush()
    return 0


def _summary(sender: Sender, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the operation; the last message, which says how it went."""
    try:
        return {"kind": "end", **_run(sender, request)}
    except RefusedError as refusal:
        return {"kind": "refused", "reason": refusal.reason, "detail": refusal.detail}
    except MemoryError:
        size = request["limits"]["address_space_bytes"] >> 20
        return {
            "kind": "refused",
            "reason": "decode_limit",
            "detail": f"needs more than {size} MiB of memory to decode; raise limits.address_space_bytes",
        }
    except _hostile_data_errors() as error:
        detail = f"cannot be decoded ({type(error).__name__}: {error})"
        return {"kind": "refused", "reason": "decode_failed", "detail": detail[:500]}
    except Exception:
        sender.send({"kind": "bug", "traceback": traceback.format_exc()[-4000:]})
        sender.flush()
        raise


def _run(sender: Sender, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation, with its file as the only one that can be opened, beside Python's libraries.

    Raises:
        RefusedError: the media cannot be used.
    """
    operation = importlib.import_module(_OPERATIONS[request["operation"]])
    path = request["arguments"]["path"]
    try:
        lockdown.allow_reading(Path(path), _library_folders())
    except FileNotFoundError:
        raise RefusedError("unreadable", f"is no longer at {path}; put it back and retry") from None
    result: dict[str, Any] = operation.run(sender, request["limits"], **request["arguments"])
    return result


def _library_folders() -> set[str]:
    """Where modules that are imported late lie."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {folder for folder in folders if os.path.isdir(folder)}


def _hostile_data_errors() -> tuple[type[Exception], ...]:
    """What bad data make PyAV raise: FFmpeg's own errors, values and texts out of range."""
    import av

    return (av.FFmpegError, ValueError, ArithmeticError)


def _silence_stderr() -> None:
    """Codec libraries write there as they please."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _read_request(data: socket.socket) -> dict[str, Any]:
    (size,) = REQUEST_LENGTH.unpack(_read_exactly(data, REQUEST_LENGTH.size))
    request: dict[str, Any] = json.loads(_read_exactly(data, size))
    return request


def _read_exactly(data: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = data.recv(size - len(parts))
        if not part:
            os._exit(1)
        parts += part
    return bytes(parts)


def _exec_ffmpeg(data: socket.socket, arguments: Mapping[str, Any]) -> int:
    """Become ffmpeg, with the data socket as its stderr."""
    os.dup2(data.fileno(), 2)
    data.close()
    argv = [arguments["binary"], *arguments["argv"]]
    try:
        os.execve(argv[0], argv, {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})  # noqa: S606
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}".encode())
    return EXEC_FAILED
