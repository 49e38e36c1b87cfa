"""Stages that do nothing, on the records of a small pipeline, to measure what is around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join, Map
from curation.base.workspace import Workspace
from curation.records import Input
from pipelines.dag import Dag, Node


class NullConfig(Config):
    clips_per_unit: int = Field(20, description="Records that the first stage makes of an input.")


@dataclass(frozen=True, kw_only=True)
class Item(Record):
    TABLE: ClassVar[str] = "items"
    item_id: str
    parent_id: str
    text: str

    @property
    def record_id(self) -> str:
        return self.item_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.parent_id,)


class _Null:
    version = "1"

    def __init__(self, config: NullConfig, workspace: Workspace) -> None:
        self.config = config


class FanOut(_Null, Map[Input, Item]):
    name = "fan_out"
    input = Input
    output = Item

    def __call__(self, batch: Sequence[Input]) -> Iterator[Item | Rejected]:
        for record in batch:
            for number in range(self.config.clips_per_unit):
                item_id = f"{record.input_id}-{number}"
                yield Item(item_id=item_id, parent_id=record.input_id, text=record.uri)


class _Pass(_Null, Map[Item, Item]):
    input = Item
    output = Item

    def __call__(self, batch: Sequence[Item]) -> Iterator[Item | Rejected]:
        for item in batch:
            yield Item(item_id=item.item_id, parent_id=item.item_id, text=item.text)


class First(_Pass):
    name = "first"


class Second(_Pass):
    name = "second"


class Third(_Pass):
    name = "third"


class Gather(_Null, Join[Item]):
    name = "gather"
    inputs: ClassVar[Mapping[str, type[Record]]] = {
        "items": Item,
        "first": Item,
        "second": Item,
        "third": Item,
    }
    on = "item_id"
    output = Item

    def __call__(self, batch: Sequence[Group]) -> Iterator[Item | Rejected]:
        for group in batch:
            yield Item(item_id=group.key, parent_id=group.key, text=group.one("first").text)


def build(config: dict[str, Any], workspace: Workspace) -> Dag:
    null = NullConfig(**config)
    return Dag(
        "inputs",
        Input,
        (
            Node(FanOut(null, workspace), {"input": "inputs"}),
            Node(First(null, workspace), {"input": "fan_out"}),
            Node(Second(null, workspace), {"input": "fan_out"}),
            Node(Third(null, workspace), {"input": "fan_out"}),
            Node(
                Gather(null, workspace),
                {"items": "fan_out", "first": "first", "second": "second", "third": "third"},
            ),
        ),
    )


def write_inputs(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:06d}.txt").write_text(str(number))
