"""The DuckDB views count what the commands count, in every state of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from curation.base.lease import Lease
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Map, Reduce, Snapshot
from curation.base.workspace import Workspace
from curation.discover import find_inputs
from curation.records import Input
from pipelines.dag import Dag, Node
from pipelines.executors.local import LocalExecutor
from pipelines.progress import JsonProgress
from pipelines.run_log import RunLog
from pipelines.run_view import RunView
from pipelines.runner import Runner
from pipelines.sweep import sweep
from pipelines.views import duckdb_views, record_tables
from tests.engine import toy

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")


@dataclass(frozen=True, kw_only=True)
class Placed(Record):
    """A line in a box: what a sample is to a shard."""

    TABLE: ClassVar[str] = "placed"
    line_id: str
    box: str
    tags: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.line_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.line_id,)


@dataclass(frozen=True, kw_only=True)
class Box(Record):
    TABLE: ClassVar[str] = "boxes"
    box: str
    lines: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.box

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.lines


class Place(toy._Toy, Reduce[Placed]):
    """Boxes by the first letter of a line, or one for all."""

    name = "place"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"lines": toy.Line}
    accounts_for = "lines"
    output = Placed

    def key(self) -> str:
        return f"upper-{self.config.upper}"

    def __call__(self, snapshot: Snapshot) -> Iterator[Placed | Rejected]:
        for row in snapshot.table("lines").to_pylist():
            box = row["line"][0] if self.config.upper else "one"
            yield Placed(line_id=row["line_id"], box=box, tags=())


class Fill(toy._Toy, Map[Placed, Box]):
    name = "fill"
    input = Placed
    output = Box

    def __call__(self, batch: Sequence[Placed]) -> Iterator[Box | Rejected]:
        yield Box(box=batch[0].box, lines=tuple(placed.line_id for placed in batch))


def build(config: dict[str, Any], workspace: Workspace) -> Dag:
    toy_config = toy.ToyConfig(**config)
    return Dag(
        "inputs",
        Input,
        (
            Node(toy.Read(toy_config, workspace), {"input": "inputs"}, distinct=True),
            Node(toy.Split(toy_config, workspace), {"input": "read"}),
            Node(Place(toy_config, workspace), {"lines": "split"}),
            Node(Fill(toy_config, workspace), {"input": "place"}, unit_field="box"),
        ),
    )


class Boxes:
    """Runs the DAG above on a folder of text files, in a folder whose name needs escapes."""

    def __init__(self, root: Path) -> None:
        self.inputs = root / "inputs"
        self.inputs.mkdir(parents=True)
        self.workspace = Workspace.open(str(root / "my run #é"), str(root / "scratch"))

    def run(self, limit: int | None = None, **config: bool) -> RunView:
        """Bring the run up to date; returns it as it then stands."""
        url, scratch = self.workspace.storage.url, str(self.workspace.scratch)
        start = {"run_url": url, "scratch": scratch, "config": config, "builder": f"{__name__}:build"}
        executor = LocalExecutor(1, start, self.workspace)
        dag = build(config, self.workspace)
        try:
            with Lease(self.workspace.storage) as lease, RunLog(self.workspace.storage) as log:
                runner = Runner(dag, self.workspace, executor, JsonProgress(), log, lambda _: None)
                runner.run(find_inputs([str(self.inputs)]), {"config": config}, lease, limit=limit)
        finally:
            executor.close()
        return self.view(limit, **config)

    def view(self, limit: int | None = None, **config: bool) -> RunView:
        return RunView.open(build(config, self.workspace), self.workspace, limit)


@pytest.fixture
def boxes(tmp_path: Path) -> Boxes:
    made = Boxes(tmp_path)
    for name, text in (("a", "one\ntwo"), ("b", "three"), ("c", "four"), ("d", "BAD")):
        (made.inputs / f"{name}.txt").write_text(text)
    return made


def counts(view: RunView) -> dict[str, int]:
    """Rows of every record's view, which must be those that the commands show."""
    database = duckdb.connect()
    database.execute(duckdb_views(view))
    found = {}
    for name in record_tables(view.dag):
        described = database.execute(f"SELECT * FROM {name}")
        assert "attempt" in [column[0] for column in described.description]
        found[name] = len(described.fetchall())
        assert found[name] == view.table(name).num_rows, name
    return found


def test_views_count_the_inputs_of_a_limit(boxes: Boxes) -> None:
    assert counts(boxes.run()) == {"texts": 3, "lines": 4, "placed": 4, "boxes": 3, "rejected": 1}
    assert counts(boxes.run(limit=1)) == {"texts": 1, "lines": 2, "placed": 2, "boxes": 2, "rejected": 0}
    assert counts(boxes.run(limit=3))["texts"] == 3


def test_views_hold_only_the_boxes_of_what_is_placed_now(boxes: Boxes) -> None:
    assert counts(boxes.run())["boxes"] == 3
    assert counts(boxes.run(upper=False))["boxes"] == 1
    back = boxes.run()
    assert counts(back)["boxes"] == 3
    database = duckdb.connect()
    database.execute(duckdb_views(back))
    assert sorted(database.execute("SELECT box FROM boxes").fetchall()) == [("f",), ("o",), ("t",)]


def test_tables_that_are_not_there_yet_are_empty_views(boxes: Boxes) -> None:
    assert set(counts(boxes.view()).values()) == {0}
    database = duckdb.connect()
    database.execute(duckdb_views(boxes.view()))
    database.execute("SELECT placed.box, placed.tags[1] FROM placed JOIN boxes USING (box)")
    database.execute("SELECT media[1].path, revision + 1 FROM units")
    database.execute("SELECT uri, seconds FROM inputs JOIN attempts USING (attempt)")
    for path in boxes.inputs.iterdir():
        path.write_text("BAD")
    assert counts(boxes.run()) == {"texts": 0, "lines": 0, "placed": 0, "boxes": 0, "rejected": 4}


def test_a_sweep_removes_what_was_half_written(boxes: Boxes) -> None:
    storage = boxes.workspace.storage
    for name in (
        "shards/g/train/.000000.tar.0a1b2c3d.tmp",
        "shards/g/train/000000.tar",
        "media/cut/lost.tar",
    ):
        storage.write_bytes(name, b"x")
    assert sweep(boxes.run()) == 2
    assert storage.list("shards") == ["shards/g/train/000000.tar"]
