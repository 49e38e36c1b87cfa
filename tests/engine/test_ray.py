"""The Ray executor on a cluster of two nodes on this machine: same commits, same faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.base.stages import Misconfigured
from curation.base.workspace import Workspace
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.executors.actor_pools import actor_pools
from pipelines.executors.base import StageFailed
from tests.engine.asking_runs import FOREVER_S, Asking
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


def test_ray_awaits_answers_together_and_charges_no_unit_for_anothers_death(
    tmp_path: Path, cluster: Any
) -> None:
    local = Asking(tmp_path / "local", 12)
    ray = local.beside(tmp_path / "ray")
    local.run()
    ray.run(executor_kind="ray", units_in_flight=6, wait_s=2.0)
    assert 3 <= ray.most_at_once() <= 12
    assert ray.digests() == local.digests()
    assert len(ray.events("setup")) == len({event.process for event in ray.events("begin")})
    ray.write("0000.txt", "KILL")
    ray.write("0001.txt", "changed")
    ray.write("0002.txt", "too")
    ray.run(executor_kind="ray", units_in_flight=6, wait_s=2.0)
    assert ray.view().reject_reasons() == {"worker_died": 1}
    assert ray.told() == sorted(["CHANGED", "TOO", *(f"TEXT-{number}" for number in range(3, 12))])
    kills = [event for event in ray.events("begin") if event.text == "KILL"]
    assert len(kills) == 4, "once in company, three times alone"


def test_ray_ends_on_a_users_mistake_while_answers_are_out(tmp_path: Path, cluster: Any) -> None:
    runs = Asking(tmp_path, 4)
    runs.write("0003.txt", "DENIED")
    with pytest.raises(Misconfigured, match=r"^stage 'ask': the server refuses the API key. Set another.$"):
        runs.run(executor_kind="ray", wait_s=FOREVER_S)
    (denied,) = [event for event in runs.events("begin") if event.text == "DENIED"]
    assert time.monotonic() - denied.at_s < FOREVER_S / 2
    assert not runs.events("end")


def test_neighbours_with_equal_needs_share_their_actors(workspace: Workspace) -> None:
    model = {"model": "some/model", "revision": "0" * 40, "device": "cuda"}
    filters = {"safety": {"classifier": model, "unsafe_labels": ["unsafe"]}}
    config = PipelineConfig.model_validate({"curation": {"filters": filters}})
    segment = build(config, workspace).segments()[0]
    pools = [[node.name for node in nodes] for nodes in actor_pools(segment)]
    assert [name for nodes in pools for name in nodes] == [node.name for node in segment.nodes]
    assert [nodes[0] for nodes in pools] == ["probe", "filter_safety", "admit"]
    assert pools[1] == ["filter_safety"]
