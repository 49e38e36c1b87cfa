"""Settings of logging to Weights & Biases; apart from `wandb_sink.py` so that configs load without it."""

from __future__ import annotations

from typing import Literal

from curation.base.config import Config, operational


class WandbConfig(Config):
    """A run in Weights & Biases; a training that is continued continues it."""

    project: str = operational(description="Project that the run belongs to.", min_length=1, max_length=128)
    entity: str | None = operational(
        None, description="User or team that owns the project; null: your own default.", min_length=1
    )
    mode: Literal["online", "offline"] = operational(
        "online", description="Send at once, or keep in the output folder for `wandb sync`."
    )
