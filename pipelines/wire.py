"""Tasks and results as bytes: a JSON header and Arrow IPC buffers. Nothing is unpickled."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from curation.base.ledger import Attempt, Result, UnitRow
from curation.base.tables import from_ipc, ipc_bytes
from pipelines.execution import Task

_LENGTH = struct.Struct("<Q")


def pack(header: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> bytes:
    """One message: header length, header, buffers one after another."""
    head = json.dumps({**header, "sizes": [len(buffer) for buffer in buffers]}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *buffers])


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The header and buffers of a message."""
    (size,) = _LENGTH.unpack_from(message)
    position = _LENGTH.size + size
    header = json.loads(message[_LENGTH.size : position])
    buffers = []
    for length in header.pop("sizes"):
        buffers.append(message[position : position + length])
        position += length
    return header, buffers


def pack_task(task: Task) -> bytes:
    """A task as a message."""
    header = {
        "node": task.node,
        "unit": task.unit,
        "stage_key": task.stage_key,
        "input_digest": task.input_digest,
        "run_id": task.run_id,
        "tries": task.tries,
        "inputs": list(task.inputs),
    }
    return pack(header, list(task.inputs.values()))


def unpack_task(message: bytes) -> Task:
    """The task of a message."""
    header, buffers = unpack(message)
    names = header.pop("inputs")
    return Task(**header, inputs=dict(zip(names, buffers, strict=True)))


def pack_result(result: Result) -> bytes:
    """A result as a message."""
    header = {
        "row": result.row.to_dict(),
        "attempt": result.attempt.to_dict() if result.attempt else None,
        "tables": list(result.tables),
    }
    return pack(header, [ipc_bytes(table) for table in result.tables.values()])


def unpack_result(message: bytes) -> Result:
    """The result of a message."""
    header, buffers = unpack(message)
    return Result(
        row=UnitRow.from_dict(header["row"]),
        attempt=Attempt.from_dict(header["attempt"]) if header["attempt"] else None,
        tables={name: from_ipc(data) for name, data in zip(header["tables"], buffers, strict=True)},
    )
