"""Logged steps in Weights & Biases.

OUTPUT/wandb_run_id     the run's id there, so that a training that is continued continues it
OUTPUT/wandb/           W&B's own files
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.base.ids import attempt_id
from training.logs.metrics import StepLog
from training.logs.wandb_config import WandbConfig

RUN_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
MOST_BYTES = 100
ID_FILE = "wandb_run_id"
STEP = "step"


class WandbSink:
    """One run in W&B. Curves are drawn over our own step, because W&B's own counter cannot go back: the steps
    that a continued training repeats have two points there."""

    def __init__(self, output: Path, config: WandbConfig, *, name: str, settings: Mapping[str, Any]) -> None:
        """Open or continue the run.

        Raises:
            ValueError: wandb is not installed, not logged in, or does not reach its server.
        """
        try:
            import wandb
        except ImportError:
            raise ValueError(
                "logging.wandb is given, but wandb is not installed. Run `pip install wandb`, or leave "
                "logging.wandb out."
            ) from None
        try:
            self._run = wandb.init(
                project=config.project,
                entity=config.entity,
                name=name,
                id=_run_id(output),
                resume="allow" if config.mode == "online" else None,
                mode=config.mode,
                dir=str(output),
                config=dict(settings),
                # Its own view of the terminal would break the live line of ours.
                settings=wandb.Settings(console="off", quiet=True),
            )
        except wandb.errors.Error as error:
            said = str(error).rstrip(". ")
            raise ValueError(
                f"logging.wandb: {said}. Run `wandb login`, or set logging.wandb.mode: offline."
            ) from None
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)

    def write(self, log: StepLog) -> None:
        """Send or keep a step; W&B does so in the background."""
        self._run.log({STEP: log.step, **log.scalars()})

    def close(self) -> None:
        """Wait until everything is sent or kept."""
        self._run.finish()


def _run_id(output: Path) -> str:
    """The id that an earlier call left in the output folder, else a new one, left there."""
    path = output / ID_FILE
    if path.exists():
        with open(path, "rb") as file:
            found = file.read(MOST_BYTES).strip()
        if not RUN_ID.fullmatch(found):
            raise ValueError(f"{path} holds no id of a W&B run. Remove it; a new run is made then.")
        return found.decode()
    made = attempt_id()
    temporary = path.with_name(f".{ID_FILE}.tmp")
    temporary.write_text(f"{made}\n", encoding="ascii")
    os.replace(temporary, path)
    return made
