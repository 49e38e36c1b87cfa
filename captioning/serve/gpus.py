"""The GPUs that this process may use, as NVIDIA's driver lists them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

_QUERY = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
_QUERY_S = 30.0


class NoDriver(Exception):
    """The driver's tool is not there or does not work; the message says which."""


@dataclass(frozen=True)
class Gpu:
    """A GPU and its memory; `index` counts among those that this process may use."""

    index: int
    name: str
    memory_bytes: int


def find_gpus() -> list[Gpu]:
    """All GPUs in the driver's order, or those that CUDA_VISIBLE_DEVICES names, in its order.

    Raises:
        NoDriver: nvidia-smi is missing or fails.
    """
    try:
        ran = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_QUERY_S, check=True)
    except FileNotFoundError:
        raise NoDriver("there is no nvidia-smi here, so no NVIDIA driver") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise NoDriver(f"nvidia-smi fails: {error}") from None
    rows = [[part.strip() for part in line.split(",")] for line in ran.stdout.splitlines()]
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        wanted = [name.strip() for name in allowed.split(",") if name.strip()]
        rows = [row for name in wanted for row in rows if name == row[0] or row[1].startswith(name)]
    return [Gpu(number, name, int(mib) << 20) for number, (_, _, name, mib) in enumerate(rows)]
