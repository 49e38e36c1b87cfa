"""What a model's name and revision mean: a folder on this machine, or a commit on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from captioning.client.requests import Model

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelMissing(ValueError):
    """A model cannot be served as configured; the message says what to do."""


def local_folder(model: Model) -> Path | None:
    """The folder that a model's name means, or None for a model of the hub.

    Raises:
        ModelMissing: the name can only be a folder's and there is none, or it is the hub's and its revision
            is no commit: a branch or a placeholder could mean anything tomorrow.
    """
    folder = Path(model.name).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if model.name.startswith(("/", ".", "~")):
        raise ModelMissing(f"there is no folder {model.name}")
    if not _COMMIT.fullmatch(model.revision):
        raise ModelMissing(
            f"revision = '{model.revision}' is no commit (40 hex digits). Pin the commit you audited: it "
            f"stands on https://huggingface.co/{model.name}/commits/main"
        )
    return None
