"""docs/README.md opens with the chain of the data as it is wired."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from curation.base.workspace import Workspace
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.dag import input_types
from tests.docs.pages import ROOT


def _rows() -> list[list[str]]:
    text = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| step |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_stage_has_its_row_in_the_order_of_the_data(workspace: Workspace) -> None:
    dag = build(PipelineConfig.model_validate({}), workspace)
    rows = [row for row in _rows() if row[0].startswith("`")]
    assert [row[0] for row in rows] == [f"`{node.name}`" for node in dag]
    for row, node in zip(rows, dag, strict=True):
        step, name, inputs, output, path = row
        cls = type(node.stage)
        assert name == f"`{cls.__name__}`", step
        assert set(re.findall(r"`(\w+)`", inputs)) == {
            t.__name__ for t in input_types(node.stage).values()
        }, step
        assert output.startswith(f"`{node.stage.output.__name__}`"), step
        assert path == f"`{Path(inspect.getfile(cls)).relative_to(ROOT)}`", step


def test_the_other_steps_name_what_is_there() -> None:
    for row in _rows():
        path = row[4].strip("`")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        for name in re.findall(r"`(\w+)`", row[1]):
            assert hasattr(module, name), f"{row[0]}: {path} has no {name}"
