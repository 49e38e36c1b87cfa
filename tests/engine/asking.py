"""A small DAG whose middle stage waits as if for a server, with a diary of when it did what.

Text files: `ask` answers each (it echoes the text) after a wait, `tell` writes the answer in capitals. A file
that holds a fault word makes `ask` misbehave.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map, Misconfigured, Resources
from curation.base.workspace import Workspace
from curation.records import Input
from pipelines.dag import Dag, Node
from tests.engine.toy import Read, Shape, Text, ToyConfig, misbehave


class AskConfig(Config):
    wait_s: float = Field(0.1, description="Seconds until an answer comes.")
    units_in_flight: int = Field(16, description="Units asked about at once.")
    has_weights: bool = Field(True, description="Whether `setup` finds its weights.")


class Ask(Map[Text, Shape]):
    name = "ask"
    version = "1"
    input = Text
    output = Shape

    def __init__(self, config: AskConfig, workspace: Workspace) -> None:
        self.config: AskConfig = config
        self.workspace = workspace
        self.resources = Resources(units_in_flight=config.units_in_flight)  # type: ignore[misc]

    def key(self) -> str:
        return self.version

    def setup(self) -> None:
        if not self.config.has_weights:
            raise ValueError("weights.bin is not there. Fetch it.")
        # Long enough for a second thread to come while this one is at it.
        time.sleep(0.2)
        self.note("setup")

    def __call__(self, batch: Sequence[Text]) -> Iterator[Shape | Rejected]:
        for text in batch:
            self.note("begin", text.text)
            if text.text == "DENIED":
                raise Misconfigured("the server refuses the API key. Set another.")
            if text.text == "KILL":
                # The others' answers must still be out when this one dies.
                time.sleep(self.config.wait_s / 2)
            misbehave(text.text, self.workspace)
            time.sleep(self.config.wait_s)
            self.note("end", text.text)
            yield Shape(line_id=text.text_id, shape=text.text)

    def note(self, event: str, text: str = "-") -> None:
        line = f"{event} {text.replace(' ', '_')} {os.getpid()} {time.monotonic()}\n"
        with open(diary(self.workspace.storage.url), "a") as file:
            file.write(line)


class Tell(Map[Shape, Shape]):
    name = "tell"
    version = "1"
    input = Shape
    output = Shape

    def key(self) -> str:
        return self.version

    def __call__(self, batch: Sequence[Shape]) -> Iterator[Shape | Rejected]:
        for shape in batch:
            yield Shape(line_id=shape.line_id, shape=shape.shape.upper())


def diary(run_url: str) -> Path:
    """Where `ask` notes what it does: event, text, process, time."""
    return Path(run_url).parent / "diary"


def build(config: dict[str, Any], workspace: Workspace) -> Dag:
    return Dag(
        "inputs",
        Input,
        (
            Node(Read(ToyConfig(), workspace), {"input": "inputs"}, distinct=True),
            Node(Ask(AskConfig(**config), workspace), {"input": "read"}),
            Node(Tell(), {"input": "ask"}),
        ),
    )
