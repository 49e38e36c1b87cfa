"""Which record is older: the order of units is known to a Reduce that reads committed tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from curation.base.tables import Tables, rows
from curation.base.workspace import Workspace
from curation.dedup.config import ExactDedupConfig
from curation.dedup.stage import ExactDedup
from curation.records import Clip, DuplicateOf
from pipelines.reduction import TableSnapshot
from tests.curation.dedup.clips import a_clip


def _snapshot(workspace: Workspace, units: list[str], by_unit: dict[str, str]) -> TableSnapshot:
    """Clips, all with the same bytes, that came in units; an attempt goes by its unit."""
    tables = Tables(workspace.storage)
    for unit, clips in by_unit.items():
        tables.append(Clip.TABLE, rows(Clip, [a_clip(name) for name in clips], unit, "key", unit))
    dag: Any = SimpleNamespace(output_type=lambda name: Clip)
    node: Any = SimpleNamespace(inputs={"clips": "cut"}, stage=ExactDedup(ExactDedupConfig(), workspace))
    return TableSnapshot(dag, node, tables, {"clips": list(by_unit)}, units, None)


def test_places_of_units_stand_beside_the_sorted_records(workspace: Workspace) -> None:
    snapshot = _snapshot(workspace, ["u2", "u0", "u1"], {"u0": "db", "u1": "a", "u2": "c"})
    assert snapshot.table("clips").column("clip_id").to_pylist() == ["a", "b", "c", "d"]
    assert snapshot.arrival("clips").to_pylist() == [2, 1, 0, 1]
    found = list(ExactDedup(ExactDedupConfig(), workspace)(snapshot))
    assert {item.clip_id: item.duplicate_of for item in found if isinstance(item, DuplicateOf)} == {
        "a": "c",
        "b": "c",
        "d": "c",
    }


def test_what_came_in_no_known_unit_and_no_records_at_all(workspace: Workspace) -> None:
    assert _snapshot(workspace, [], {"all": "ab"}).arrival("clips").to_pylist() == [0, 0]
    assert _snapshot(workspace, ["u0"], {}).arrival("clips").to_pylist() == []
