"""Output that changes needs a new version: what stages put out on fixed input is on record.

After a change of output that is meant, raise the stage's `version` and write the record anew:

    python -m tests.golden.test_golden
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from curation.base.records import Record, digest_records, from_arrow
from curation.base.workspace import Workspace
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.dag import Dag
from pipelines.run import run
from pipelines.run_view import RunView
from tests.footage import make_video

GOLDEN = Path(__file__).with_name("golden.json")


def outputs(folder: Path) -> dict[str, dict[str, str]]:
    """Version and output digest of every stage on two small videos that are made on the spot.

    Ids of videos hang on every byte of the file, so only a changed encoder could move them; captions
    carry rounded scores only.
    """
    make_video(folder / "videos" / "a.mp4", seed=0, shots=3)
    make_video(folder / "videos" / "b.mp4", seed=2, shots=2, sound=False)
    config = PipelineConfig.model_validate({"execution": {"scratch": str(folder / "scratch")}})
    run(config, [str(folder / "videos")], str(folder / "run"))
    workspace = Workspace.open(str(folder / "run"), str(folder / "scratch"))
    view = RunView.open(build(config, workspace), workspace)
    return {node.name: _entry(view.dag, view, node.name) for node in view.dag}


def test_a_stage_whose_output_changed_has_a_new_version(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    found = outputs(tmp_path)
    assert set(found) == set(golden)
    changed = [
        name
        for name, entry in found.items()
        if entry["digest"] != golden[name]["digest"] and entry["version"] == golden[name]["version"]
    ]
    assert not changed, f"output of {changed} changed, their version did not; see this file's docstring"
    assert found == golden, "versions went up: write the record anew; see this file's docstring"


def _entry(dag: Dag, view: RunView, name: str) -> dict[str, str]:
    records: list[Record] = from_arrow(dag.output_type(name), view.records(name))
    return {"version": dag[name].stage.version, "digest": digest_records(records)[:16]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        GOLDEN.write_text(json.dumps(outputs(Path(name)), indent=1) + "\n")
