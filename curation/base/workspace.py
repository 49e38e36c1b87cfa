"""What a stage may touch besides its input: the run's storage, its media, and scratch space."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from curation.base.media_store import MediaStore
from curation.base.storage import Storage


@dataclass(frozen=True)
class Workspace:
    """Given to every stage by the runner; `scratch` is a folder on this node, for this process."""

    storage: Storage
    media: MediaStore
    scratch: Path

    @classmethod
    def open(cls, run_url: str, scratch_root: str | None = None) -> Workspace:
        """A workspace on a run; scratch goes below `scratch_root` or the system's temporary folder."""
        root = Path(scratch_root or tempfile.gettempdir())
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{_prefix()}{os.getpid()}-", dir=root))
        storage = Storage(run_url)
        return cls(storage=storage, media=MediaStore(storage), scratch=scratch)


def remove_dead_scratch(scratch_root: str | None = None) -> None:
    """Remove the scratch folders of this host's processes that were killed."""
    for folder in Path(scratch_root or tempfile.gettempdir()).glob(f"{_prefix()}*"):
        pid = folder.name.removeprefix(_prefix()).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _prefix() -> str:
    return f"cliploom-{socket.gethostname()}-"
