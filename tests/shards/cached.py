"""What tests of the cache share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shards.reading.cache import ShardCache
from shards.reading.sources import Target

NAMES = [f"{number:064x}" for number in range(10)]


def tars(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tar"))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fill(cache: ShardCache, name: str, size: int, **options: Any) -> bool:
    arguments = {"sha256": None, "needed": lambda name: False, "wait": True, **options}

    def download(target: Target) -> None:
        target.write(b"x" * size)

    return cache.fetch(name, size, download, **arguments)
