"""The Ray executor on a cluster of two nodes on this machine: same commits, same faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.base.workspace import Workspace
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.executors.base import StageFailed
from tests.engine.test_engine import Toy
from tests.ray_cluster import two_nodes

pytest.importorskip("ray", reason="the 'ray' extra is not installed")
pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def runs(tmp_path: Path, cluster: Any) -> Toy:
    toy_run = Toy(tmp_path)
    toy_run.write("a.txt", "one\ntwo ")
    toy_run.write("b.txt", "three")
    return toy_run


def test_ray_commits_what_the_local_executor_commits(runs: Toy) -> None:
    runs.write("c.txt", "BAD")
    runs.write("copy.txt", "three")
    assert runs.run(executor_kind="ray").executed == 13
    view = runs.view()
    assert view.reject_reasons() == {"duplicate_source": 1, "not_media": 1}
    assert runs.total() == "ONE 3|TWO  4|THREE 5"
    assert runs.run(executor_kind="local").executed == 0


def test_ray_reuses_results_of_the_local_executor(runs: Toy) -> None:
    runs.run()
    assert runs.run(executor_kind="ray", strip=True).executed == 2 + 3 + 1


def test_ray_survives_dying_workers_and_passing_faults(runs: Toy) -> None:
    runs.write("k.txt", "KILL ONCE")
    runs.write("p.txt", "KILL always")
    runs.write("r.txt", "RETRY")
    runs.run(executor_kind="ray")
    assert runs.view().reject_reasons() == {"worker_died": 1}
    assert "KILL ONCE 9" in runs.total()
    assert "RETRY 5" in runs.total()


def test_ray_stops_on_a_bug_and_names_it(runs: Toy) -> None:
    runs.write("z.txt", "BUG")
    with pytest.raises(StageFailed, match="a bug in the stage"):
        runs.run(executor_kind="ray")


def test_neighbours_with_equal_needs_share_their_actors(workspace: Workspace) -> None:
    from pipelines.executors.ray import actor_pools

    model = {"model": "some/model", "revision": "0" * 40, "device": "cuda"}
    filters = {"safety": {"classifier": model, "unsafe_labels": ["unsafe"]}}
    config = PipelineConfig.model_validate({"curation": {"filters": filters}})
    segment = build(config, workspace).segments()[0]
    pools = [[node.name for node in nodes] for nodes in actor_pools(segment)]
    assert [name for nodes in pools for name in nodes] == [node.name for node in segment.nodes]
    assert [nodes[0] for nodes in pools] == ["probe", "filter_safety", "admit"]
    assert pools[1] == ["filter_safety"]
