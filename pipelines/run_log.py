"""A run's log: one JSON object per line below RUN/logs, for people and programs.

On a disk each line is there at once; elsewhere the file appears when the run ends.
"""

from __future__ import annotations

import json
import os
import time
from typing import IO, Any

from curation.base.storage import Storage


class RunLog:
    """A context manager; `write` takes an event and what is known of it. A log makes up the id of its
    run: the time it began, and a few random digits."""

    def __init__(self, storage: Storage) -> None:
        self.run_id = time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + os.urandom(3).hex()
        self.path = f"logs/{self.run_id}.jsonl"
        self._storage = storage
        self._lines: list[str] = []
        self._file: IO[str] | None = None
        if storage.local_root is not None:
            path = storage.local_root / self.path
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            self.write("stopped", error=f"{type(error).__name__}: {error}")
        if self._file is not None:
            self._file.close()
        else:
            self._storage.write_bytes(self.path, "".join(self._lines).encode())

    def write(self, event: str, **facts: Any) -> None:
        """Add a line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": stamp, "event": event, **facts}, ensure_ascii=False) + "\n"
        if self._file is not None:
            self._file.write(line)
        else:
            self._lines.append(line)
