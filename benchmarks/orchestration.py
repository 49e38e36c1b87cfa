"""What the engine costs per clip and stage: null stages through the local executor, commits included.

The limit beside it is the same stages called in a loop in one process, with nothing kept.

    python benchmarks/orchestration.py [--units 100] [--clips 20] [--repeats 7]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.interleaved import interleave, last_line, show
from benchmarks.null_stages import build, write_inputs
from curation.base.lease import Lease
from curation.base.workspace import Workspace
from curation.discover import find_inputs
from pipelines.execution import call_stage
from pipelines.executors.local import LocalExecutor
from pipelines.progress import JsonProgress
from pipelines.run_log import RunLog
from pipelines.runner import Runner

TARGET_MS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder / "inputs", options.units)
        config = {"clips_per_unit": options.clips}
        runs = iter(range(1_000_000))
        start_up = interleave({"start-up (one unit)": lambda: ours(folder, config, next(runs), 1)}, 3)
        found = interleave(
            {
                "cliploom, local executor": lambda: ours(folder, config, next(runs), options.units),
                "limit: bare calls": lambda: bare(folder, config),
            },
            options.repeats,
        )
    show({**start_up, **found})
    startup_s = start_up["start-up (one unit)"].median_s
    calls = options.units * options.clips * 5
    whole_ms = found["cliploom, local executor"].median_s / calls * 1000
    steady_ms = max(0.0, found["cliploom, local executor"].median_s - startup_s) / calls * 1000
    print(
        f"{calls} clip-stages: {whole_ms:.3f} ms each, {steady_ms:.3f} ms without start-up "
        f"(target {TARGET_MS})"
    )
    last_line(
        ms_per_clip_and_stage=round(whole_ms, 4),
        ms_steady=round(steady_ms, 4),
        start_up_s=round(startup_s, 3),
        bare_ms=round(found["limit: bare calls"].median_s / calls * 1000, 4),
        clip_stages=calls,
        target_ms=TARGET_MS,
        met=whole_ms < TARGET_MS,
    )


def ours(folder: Path, config: dict[str, int], number: int, units: int) -> None:
    run_url = str(folder / f"run-{number}")
    workspace = Workspace.open(run_url, str(folder / "scratch"))
    start = {
        "run_url": run_url,
        "scratch": str(folder / "scratch"),
        "config": config,
        "builder": "benchmarks.null_stages:build",
    }
    executor = LocalExecutor(2, start, workspace)
    dag = build(config, workspace)
    try:
        with Lease(workspace.storage) as lease, RunLog(workspace.storage) as log:
            runner = Runner(dag, workspace, executor, JsonProgress(), log, lambda _: None)
            outcome = runner.run(
                find_inputs([str(folder / "inputs")]), {"config": config}, lease, limit=units
            )
    finally:
        executor.close()
    assert outcome.executed == 5 * units


def bare(folder: Path, config: dict[str, int]) -> None:
    workspace = Workspace.open(str(folder / "bare"), str(folder / "scratch"))
    dag = build(config, workspace)
    for record in find_inputs([str(folder / "inputs")]):
        outputs = {"inputs": [record]}
        for node in dag:
            made, _ = call_stage(node, {name: outputs[above] for name, above in node.inputs.items()})
            outputs[node.name] = made


if __name__ == "__main__":
    main()
