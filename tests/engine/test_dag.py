"""A DAG is checked before anything starts; the main job's is sound; stage keys follow what matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.records import Input
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.dag import Dag, DagError, Node
from pipelines.execution import UnaccountedInput, account
from tests.engine import toy


def toy_nodes(workspace: Workspace) -> tuple[Node, ...]:
    return toy.build({}, workspace).nodes


def test_the_main_job_fits_together_and_streams_between_barriers(workspace: Workspace) -> None:
    dag = build(PipelineConfig(), workspace)
    segments = [[node.name for node in segment.nodes] for segment in dag.segments()]
    assert segments == [
        [
            *("probe", "detect", "stitch", "cut"),
            *("filter_motion", "filter_static", "filter_blur", "filter_letterbox", "filter_text_area"),
            *("filter_audio_silence", "admit"),
            *(
                "caption_video",
                "caption_audio",
                "transcribe",
                "caption_speech",
                "fuse",
                "gate",
                "fingerprint",
            ),
        ],
        ["dedup"],
        ["select"],
        ["pack"],
        ["manifest"],
    ]


def test_a_run_has_the_stages_that_its_config_calls_for(workspace: Workspace) -> None:
    def names(**curation: object) -> list[str]:
        return [node.name for node in build(PipelineConfig.model_validate({"curation": curation}), workspace)]

    plain = names()
    assert set(plain) - set(names(dedup={"kind": "exact"})) == {"fingerprint"}
    assert set(names(dedup={"kind": "semantic"})) - set(plain) == {"embed"}
    assert set(plain) - set(names(filters={"motion": None, "blur": None})) == {"filter_motion", "filter_blur"}
    nothing = dict.fromkeys(("motion", "static", "blur", "letterbox", "text_area", "audio_silence"))
    assert not [name for name in names(filters=nothing) if name.startswith("filter_")]


def test_a_node_that_comes_before_its_input_is_refused(workspace: Workspace) -> None:
    read, split, *_ = toy_nodes(workspace)
    with pytest.raises(DagError, match="split: input 'input' comes from 'read', which is no earlier stage"):
        Dag("inputs", Input, (split, read))


def test_records_of_another_type_are_refused(workspace: Workspace) -> None:
    read, _, capitals, *_ = toy_nodes(workspace)
    wrong = Node(capitals.stage, {"input": "read"})
    with pytest.raises(
        DagError, match="capitals: input 'input' takes Line records, but 'read' puts out Text"
    ):
        Dag("inputs", Input, (read, wrong))


def test_a_missing_input_and_a_second_name_are_refused(workspace: Workspace) -> None:
    nodes = toy_nodes(workspace)
    both = nodes[4]
    with pytest.raises(DagError, match=r"both: inputs are \['lines'\], the stage takes"):
        Dag("inputs", Input, (*nodes[:4], Node(both.stage, {"lines": "split"})))
    with pytest.raises(DagError, match="two stages are called 'read'"):
        Dag("inputs", Input, (nodes[0], nodes[0]))


def test_operational_fields_leave_stage_keys_alone(workspace: Workspace) -> None:
    def keys(**probe: object) -> dict[str, str]:
        config = PipelineConfig.model_validate({"curation": {"probe": {"limits": probe}}})
        return {node.name: node.stage.key() for node in build(config, workspace)}

    assert keys() == keys(wall_s=500, open_files=128)
    changed = keys(min_side_px=64)
    assert {name for name in keys() if keys()[name] != changed[name]} == {"probe"}


class Loses(Map[toy.Line, toy.Shape]):
    """A stage with a bug: it forgets every record but the first."""

    name = "loses"
    version = "1"
    input = toy.Line
    output = toy.Shape

    def __call__(self, batch: Sequence[toy.Line]) -> Iterator[toy.Shape | Rejected]:
        yield toy.Shape(line_id=batch[0].line_id, shape="")


def test_an_input_without_output_or_reject_is_found() -> None:
    lines = [toy.Line(line_id=str(number), text_id="t", line="") for number in range(3)]
    outputs: list[Record] = [item for item in Loses()(lines) if not isinstance(item, Rejected)]
    with pytest.raises(
        UnaccountedInput, match=r"'loses' neither put out nor rejected 2 of 3 input records, e.g. 1"
    ):
        account("loses", [line.record_id for line in lines], outputs, [])
