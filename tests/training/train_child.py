"""Trains in a process of its own, so that it can be killed: prints a line per step."""

from __future__ import annotations

import json
import sys

from training.config import TrainConfig
from training.logs.metrics import Note, StepLog
from training.run import train


def show(event: StepLog | Note) -> None:
    print(event.step if isinstance(event, StepLog) else event.text, flush=True)


if __name__ == "__main__":
    result = train(TrainConfig.model_validate(json.loads(sys.argv[1])), output=sys.argv[2], on_log=show)
    print("interrupted" if result.interrupted else "done", flush=True)
