"""Messages between a worker and its sandboxed child: lengths, a JSON header, raw bytes.

The child is hostile once it has decoded hostile data, so the reader bounds every length before it
reads and takes nothing for granted but bytes. Standard library only: both sides import it.
"""

from __future__ import annotations

import io
import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

MAX_HEADER_BYTES = 1 << 18
_LENGTHS = struct.Struct("!II")
_FLUSH_BYTES = 1 << 16


class ProtocolError(Exception):
    """The other side sent what the protocol does not allow."""


class Sender:
    """Writes messages to a socket; small ones are gathered."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = bytearray()

    def send(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Append one message."""
        text = json.dumps(header).encode()
        self._pending += _LENGTHS.pack(len(text), len(payload))
        self._pending += text
        if len(payload) >= _FLUSH_BYTES:
            self.flush()
            self._sock.sendall(payload)
            return
        self._pending += payload
        if len(self._pending) >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the socket."""
        self._sock.sendall(self._pending)
        self._pending = bytearray()


def receive(stream: io.BufferedIOBase, max_payload_bytes: int) -> tuple[dict[str, Any], bytes] | None:
    """The next message, None where the stream ends between or inside messages.

    Raises:
        ProtocolError: a length is out of bounds or the header is not a JSON object.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > max_payload_bytes:
        raise ProtocolError(f"a message of {header_bytes} + {payload_bytes} bytes")
    text = stream.read(header_bytes)
    payload = stream.read(payload_bytes) if payload_bytes else b""
    if len(text) < header_bytes or len(payload) < payload_bytes:
        return None
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a header that is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise ProtocolError("a header that is not a JSON object")
    return header, payload
