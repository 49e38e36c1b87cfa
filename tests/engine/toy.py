"""A small DAG of real stages over text files, with faults on demand, for tests of the engine.

Line files: each line becomes a Line; two Maps hang side by side from it, a Join brings them together,
and a Reduce sums up. A file whose text holds a fault word makes the stage misbehave.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join, Map, Reduce, Retry, Snapshot, WaitedOut
from curation.base.workspace import Workspace
from curation.records import Input
from pipelines.dag import Dag, Node


@dataclass(frozen=True, kw_only=True)
class Text(Record):
    TABLE: ClassVar[str] = "texts"
    text_id: str
    input_id: str
    text: str

    @property
    def record_id(self) -> str:
        return self.text_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.input_id,)


@dataclass(frozen=True, kw_only=True)
class Line(Record):
    TABLE: ClassVar[str] = "lines"
    line_id: str
    text_id: str
    line: str

    @property
    def record_id(self) -> str:
        return self.line_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.text_id,)


@dataclass(frozen=True, kw_only=True)
class Shape(Record):
    TABLE: ClassVar[str] = "shapes"
    line_id: str
    shape: str

    @property
    def record_id(self) -> str:
        return self.line_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.line_id,)


@dataclass(frozen=True, kw_only=True)
class Total(Record):
    TABLE: ClassVar[str] = "totals"
    total_id: str
    lines: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.total_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.lines


class ToyConfig(Config):
    upper: bool = Field(True, description="Whether the first Map writes capitals.")
    strip: bool = Field(False, description="Whether lines lose their outer spaces.")


class _Toy:
    version = "1"

    def __init__(self, config: ToyConfig, workspace: Workspace) -> None:
        self.config = config
        self.workspace = workspace

    def key(self) -> str:
        return self.version


class Read(_Toy, Map[Input, Text]):
    name = "read"
    input = Input
    output = Text

    def __call__(self, batch: Sequence[Input]) -> Iterator[Text | Rejected]:
        for record in batch:
            path = Path(record.uri)
            text = path.read_text() if path.exists() else "BAD: gone"
            if "BAD" in text:
                yield Rejected(
                    rejected_id=record.input_id,
                    parent_id=record.input_id,
                    stage=self.name,
                    reason=Reason.NOT_MEDIA,
                    detail="says BAD",
                )
                continue
            yield Text(text_id=f"t:{text[:20]}", input_id=record.input_id, text=text)


class Split(_Toy, Map[Text, Line]):
    name = "split"
    input = Text
    output = Line

    def key(self) -> str:
        return "strip" if self.config.strip else "plain"

    def __call__(self, batch: Sequence[Text]) -> Iterator[Line | Rejected]:
        for text in batch:
            misbehave(text.text, self.workspace)
            for number, line in enumerate(text.text.splitlines()):
                kept = line.strip() if self.config.strip else line
                yield Line(line_id=f"{text.text_id}:{number}", text_id=text.text_id, line=kept)


class Capitals(_Toy, Map[Line, Shape]):
    name = "capitals"
    input = Line
    output = Shape

    def key(self) -> str:
        return f"upper-{self.config.upper}"

    def __call__(self, batch: Sequence[Line]) -> Iterator[Shape | Rejected]:
        with self.workspace.media.new_tar(self.name) as tar:
            for line in batch:
                shape = line.line.upper() if self.config.upper else line.line.lower()
                tar.add(line.line_id, "txt", shape.encode())
                yield Shape(line_id=line.line_id, shape=shape)


class Length(_Toy, Map[Line, Shape]):
    name = "length"
    input = Line
    output = Shape

    def __call__(self, batch: Sequence[Line]) -> Iterator[Shape | Rejected]:
        for line in batch:
            yield Shape(line_id=line.line_id, shape=str(len(line.line)))


class Both(_Toy, Join[Shape]):
    name = "both"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"lines": Line, "capitals": Shape, "length": Shape}
    on = "line_id"
    output = Shape

    def __call__(self, batch: Sequence[Group]) -> Iterator[Shape | Rejected]:
        for group in batch:
            parts = [group.one("capitals").shape, group.one("length").shape]
            yield Shape(line_id=group.key, shape=" ".join(parts))


class Sum(_Toy, Reduce[Total]):
    name = "sum"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"both": Shape}
    accounts_for = "both"
    output = Total

    def __call__(self, snapshot: Snapshot) -> Iterator[Total | Rejected]:
        table = snapshot.table("both")
        yield Total(
            total_id="|".join(table.column("shape").to_pylist()), lines=tuple(table["line_id"].to_pylist())
        )


def build(config: dict[str, Any], workspace: Workspace) -> Dag:
    toy = ToyConfig(**config)
    return Dag(
        "inputs",
        Input,
        (
            Node(Read(toy, workspace), {"input": "inputs"}, distinct=True),
            Node(Split(toy, workspace), {"input": "read"}),
            Node(Capitals(toy, workspace), {"input": "split"}),
            Node(Length(toy, workspace), {"input": "split"}),
            Node(Both(toy, workspace), {"lines": "split", "capitals": "capitals", "length": "length"}),
            Node(Sum(toy, workspace), {"both": "both"}),
        ),
    )


def misbehave(text: str, workspace: Workspace) -> None:
    """Misbehave as the text says; `ONCE` faults only the first time."""
    if "KILL" in text:
        marker = Path(workspace.storage.url).parent / "killed-once"
        if "ONCE" not in text or not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if "RETRY" in text:
        marker = Path(workspace.storage.url).parent / "retried-once"
        if not marker.exists():
            marker.touch()
            raise Retry("the disk is busy")
    if "WAITED" in text:
        with (Path(workspace.storage.url).parent / "waited").open("a") as tries:
            tries.write(f"{text}\n")
        raise WaitedOut("the server is gone")
    if "BUG" in text:
        raise ZeroDivisionError("a bug in the stage")
