"""The engine: commits, early cut-off, accounting, faults of workers, duplicates."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from curation.base.lease import Lease, LeaseTaken
from curation.base.workspace import Workspace
from curation.discover import InputTable, find_inputs
from pipelines.executors.base import Executor, StageFailed
from pipelines.executors.local import LocalExecutor
from pipelines.progress import JsonProgress, Progress
from pipelines.run_log import RunLog
from pipelines.run_view import RunView
from pipelines.runner import Runner, RunOutcome
from tests.engine import toy


def make_executor(kind: str, start: dict[str, Any], workspace: Workspace, workers: int) -> Executor:
    if kind == "local":
        return LocalExecutor(workers, start, workspace)
    from pipelines.executors.ray import RayExecutor

    return RayExecutor(start, None)


class Toy:
    """Runs the toy DAG on a folder of text files."""

    module: ModuleType = toy
    workers = 2

    def __init__(self, root: Path) -> None:
        self.inputs = root / "inputs"
        self.inputs.mkdir()
        self.run_url = str(root / "run")
        self.scratch = str(root / "scratch")
        self.said: list[str] = []

    def write(self, name: str, text: str) -> None:
        (self.inputs / name).write_text(text)

    def run(
        self,
        ignore: Any = None,
        executor_kind: str = "local",
        limit: int | None = None,
        builder: str | None = None,
        progress: Progress | None = None,
        **config: Any,
    ) -> RunOutcome:
        workspace = Workspace.open(self.run_url, self.scratch)
        start = {
            "run_url": self.run_url,
            "scratch": self.scratch,
            "config": config,
            "builder": builder or f"{self.module.__name__}:build",
        }
        executor = make_executor(executor_kind, start, workspace, self.workers)
        dag = self.module.build(config, workspace)
        try:
            with Lease(workspace.storage) as lease, RunLog(workspace.storage) as log:
                runner = Runner(dag, workspace, executor, progress or JsonProgress(), log, self.said.append)
                found = find_inputs([str(self.inputs)])
                return runner.run(found, {"config": config}, lease, limit=limit, ignore=ignore)
        finally:
            executor.close()

    def view(self, **config: Any) -> RunView:
        workspace = Workspace.open(self.run_url, self.scratch)
        return RunView.open(self.module.build(config, workspace), workspace)

    def holder(self, text: str) -> str:
        """The name of the file that a text is taken from."""
        (input_id,) = [
            row["input_id"] for row in self.view().records("read").to_pylist() if row["text"] == text
        ]
        (name,) = [r.uri for r in InputTable(self.view().tables).read() if r.input_id == input_id]
        return Path(name).name

    def total(self, **config: bool) -> str:
        return str(self.view(**config).records("sum").column("total_id")[0])


@pytest.fixture
def runs(tmp_path: Path) -> Toy:
    toy_run = Toy(tmp_path)
    toy_run.write("a.txt", "one\ntwo ")
    toy_run.write("b.txt", "three")
    return toy_run


def test_every_input_is_accounted_for_and_a_second_run_does_nothing(runs: Toy) -> None:
    runs.write("c.txt", "BAD")
    first = runs.run()
    counts = runs.view().counts()
    assert (counts["read"].inputs, counts["read"].committed, counts["read"].rejected) == (3, 2, 1)
    assert (counts["both"].inputs, counts["both"].committed, counts["both"].pending) == (3, 3, 0)
    assert runs.view().reject_reasons() == {"not_media": 1}
    assert runs.total() == "ONE 3|TWO  4|THREE 5"
    assert first.executed == 12
    assert runs.run().executed == 0


def test_a_changed_config_redoes_only_what_it_changes(runs: Toy) -> None:
    runs.run()
    again = runs.run(upper=False)
    # capitals and both for each of two files, and the sum
    assert again.executed == 5
    assert any("capitals (2)" in line for line in runs.said)
    assert runs.total(upper=False) == "one 3|two  4|three 5"


def test_early_cut_off_leaves_units_alone_whose_records_did_not_change(runs: Toy) -> None:
    runs.run()
    again = runs.run(strip=True)
    # split runs for both files; only a.txt has a line that differs: capitals, length, both; then sum
    assert again.executed == 2 + 3 + 1


def test_a_config_that_goes_back_finds_its_old_results(runs: Toy) -> None:
    runs.run()
    runs.run(strip=True)
    back = runs.run()
    assert back.executed == 0
    assert runs.total() == "ONE 3|TWO  4|THREE 5"
    assert runs.view().rows("capitals")[0].revision == 2


def test_a_touched_file_is_read_again_and_nothing_more(runs: Toy) -> None:
    runs.run()
    runs.write("a.txt", "one\ntwo ")
    assert runs.run().executed == 1


def test_changed_content_replaces_what_came_of_the_file(runs: Toy) -> None:
    runs.run()
    runs.write("b.txt", "four")
    runs.run()
    assert runs.total() == "FOUR 4|ONE 3|TWO  4"


def test_a_file_that_turns_bad_leaves_nothing_behind(runs: Toy) -> None:
    runs.run()
    runs.write("b.txt", "BAD")
    runs.run()
    assert runs.total() == "ONE 3|TWO  4"
    assert runs.view().records("both").num_rows == 2


def test_the_same_content_twice_is_processed_once(runs: Toy) -> None:
    runs.write("copy.txt", "three")
    runs.run()
    view = runs.view()
    assert view.reject_reasons() == {"duplicate_source": 1}
    assert view.counts()["read"].committed == 2
    assert runs.total() == "ONE 3|TWO  4|THREE 5"


def test_a_copy_takes_over_when_its_original_changes(runs: Toy) -> None:
    runs.write("copy.txt", "three")
    runs.run()
    # Whichever of the two has the content gives it up; the other must take it over.
    holder = runs.holder("three")
    runs.write(holder, "four")
    runs.run()
    assert runs.view().reject_reasons() == {}
    assert runs.total() == "FOUR 4|ONE 3|TWO  4|THREE 5"


def test_reading_everything_again_leaves_each_content_with_its_unit(runs: Toy) -> None:
    runs.write("copy.txt", "three")
    runs.run()
    assert runs.run(ignore=lambda row: row.stage == "read").executed == 3
    assert runs.view().reject_reasons() == {"duplicate_source": 1}


def test_a_renamed_file_stays_what_it_was(runs: Toy) -> None:
    runs.run()
    (runs.inputs / "b.txt").rename(runs.inputs / "renamed.txt")
    runs.run()
    assert runs.holder("three") == "b.txt", "nothing asks for the file while nothing is redone"
    assert runs.view().reject_reasons() == {"duplicate_source": 1}
    runs.run(strip=True)
    assert runs.holder("three") == "renamed.txt"
    assert runs.total(strip=True) == "ONE 3|TWO 3|THREE 5"
    assert runs.run(strip=True).executed == 0


def test_a_file_that_is_renamed_while_the_config_changes_is_taken_once(runs: Toy) -> None:
    runs.run()
    (runs.inputs / "b.txt").rename(runs.inputs / "renamed.txt")
    runs.run(strip=True)
    assert runs.total(strip=True) == "ONE 3|TWO 3|THREE 5"
    assert runs.run(strip=True).executed == 0


def test_a_smaller_scope_hands_nothing_over(runs: Toy) -> None:
    runs.write("copy.txt", "three")
    for round_ in range(3):
        runs.run(limit=round_ + 1)
        runs.run()
        assert runs.view().reject_reasons() == {"duplicate_source": 1}
        assert runs.view().counts()["read"].committed == 2
    assert runs.total() == "ONE 3|TWO  4|THREE 5"


def test_an_original_that_comes_back_finds_its_place_taken(runs: Toy) -> None:
    runs.write("copy.txt", "three")
    runs.run()
    holder = runs.inputs / runs.holder("three")
    times = holder.stat().st_atime_ns, holder.stat().st_mtime_ns
    runs.write(holder.name, "four")
    runs.run()
    runs.write(holder.name, "three")
    os.utime(holder, ns=times)
    runs.run()
    assert runs.view().reject_reasons() == {"duplicate_source": 1}
    assert runs.total() == "ONE 3|TWO  4|THREE 5"


def test_a_file_that_changes_again_and_again_is_followed(runs: Toy) -> None:
    runs.run()
    for text in ("four", "five", "six", "seven"):
        runs.write("b.txt", text)
        runs.run()
        assert text.upper() in runs.total()
    assert runs.run().executed == 0


def test_workers_that_cannot_start_fail_the_run_and_charge_no_input(runs: Toy) -> None:
    with pytest.raises(StageFailed, match="could not start"):
        runs.run(builder="tests.engine.no_such_module:build")
    assert runs.view().reject_reasons() == {}
    runs.run()
    assert runs.total() == "ONE 3|TWO  4|THREE 5"


def test_a_worker_that_dies_is_replaced(runs: Toy) -> None:
    runs.write("k.txt", "KILL ONCE")
    outcome = runs.run()
    assert not outcome.postponed
    assert "KILL ONCE 9" in runs.total()


def test_a_unit_that_kills_its_worker_each_time_is_set_aside(runs: Toy) -> None:
    runs.write("k.txt", "KILL")
    runs.run()
    assert runs.view().reject_reasons() == {"worker_died": 1}
    assert runs.total() == "ONE 3|TWO  4|THREE 5"


def test_a_passing_fault_is_tried_again_and_never_a_reject(runs: Toy) -> None:
    runs.write("r.txt", "RETRY")
    runs.run()
    assert runs.view().reject_reasons() == {}
    assert "RETRY 5" in runs.total()


def test_what_a_stage_waited_for_in_vain_is_waited_for_once(runs: Toy) -> None:
    for number in range(9):
        runs.write(f"w{number}.txt", f"WAITED {number}")
    outcome = runs.run()
    assert len(outcome.postponed) >= 9
    assert {fault for _, _, fault in outcome.postponed} == {"the server is gone"}
    tried = (Path(runs.run_url).parent / "waited").read_text().splitlines()
    assert len(tried) == len(set(tried)) < 9, "once it is known to be gone, other units do not wait"
    assert runs.view().reject_reasons() == {}


def test_a_bug_stops_the_run_and_keeps_what_was_done(runs: Toy) -> None:
    runs.write("z.txt", "BUG")
    with pytest.raises(StageFailed, match="a bug in the stage"):
        runs.run()
    counts = runs.view().counts()["read"]
    assert counts.committed >= 1
    assert counts.committed + counts.pending == 3
    runs.write("z.txt", "fixed")
    runs.run()
    assert "FIXED 5" in runs.total()


def test_rejects_are_tried_again_when_asked_for(runs: Toy) -> None:
    runs.write("c.txt", "BAD")
    runs.run()
    assert runs.run(ignore=lambda row: row.rejected > 0).executed == 1


def test_a_second_committer_is_refused_by_name(runs: Toy, tmp_path: Path) -> None:
    runs.run()
    storage = Workspace.open(runs.run_url, runs.scratch).storage
    with Lease(storage), pytest.raises(LeaseTaken, match="being written by process"):
        runs.run()
