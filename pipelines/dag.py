"""A pipeline is a DAG of stages with named, typed inputs, checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from curation.base.records import Record
from curation.base.stages import Join, Map, Reduce, Stage

MAP_INPUT = "input"
"""The name of the one input of a Map."""


class DagError(ValueError):
    """A pipeline whose stages do not fit together."""


@dataclass(frozen=True)
class Node:
    """A stage in a DAG. `inputs` names the node that feeds each input of the stage.

    `distinct` nodes accept a record id once per run: a second unit with it is rejected as a
    duplicate. `unit_field` regroups the records of a Reduce into units by one of their fields.
    """

    stage: Stage
    inputs: Mapping[str, str]
    distinct: bool = False
    unit_field: str | None = None

    @property
    def name(self) -> str:
        """The node goes by its stage's name."""
        return self.stage.name

    @property
    def is_reduce(self) -> bool:
        """Whether the node waits for all units."""
        return isinstance(self.stage, Reduce)

    @property
    def primary(self) -> str:
        """The name of the input that accounting follows."""
        return next(iter(input_types(self.stage)))


@dataclass(frozen=True)
class Segment:
    """Nodes that stream units without a barrier between them: Maps and Joins of one scope, or a
    single Reduce. `scope` is the node whose records (grouped) are the units."""

    scope: str
    nodes: tuple[Node, ...]
    unit_field: str | None = None

    @property
    def is_reduce(self) -> bool:
        """Whether this is a barrier."""
        return self.nodes[0].is_reduce


@dataclass(frozen=True)
class Dag:
    """Nodes in topological order below a root of discovered records.

    Raises:
        DagError: names clash, an input is missing or of another type, or a node comes before its
            inputs.
    """

    root: str
    root_type: type[Record]
    nodes: tuple[Node, ...]
    _by_name: dict[str, Node] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        types: dict[str, type[Record]] = {self.root: self.root_type}
        for node in self.nodes:
            if node.name in types:
                raise DagError(f"two stages are called '{node.name}'")
            _check_inputs(node, types)
            types[node.name] = node.stage.output
            self._by_name[node.name] = node

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def output_type(self, name: str) -> type[Record]:
        """The record type that a node, or the root, puts out."""
        return self.root_type if name == self.root else self[name].stage.output

    def segments(self) -> Sequence[Segment]:
        """The DAG cut at its barriers, in order."""
        segments: list[Segment] = []
        scope, unit_field, run = self.root, None, list[Node]()
        for node in self.nodes:
            if node.is_reduce:
                if run:
                    segments.append(Segment(scope, tuple(run), unit_field))
                segments.append(Segment(scope, (node,), unit_field))
                run = []
            elif node.unit_field is not None:
                if run:
                    segments.append(Segment(scope, tuple(run), unit_field))
                scope, unit_field, run = node.inputs[node.primary], node.unit_field, [node]
            else:
                run.append(node)
        if run:
            segments.append(Segment(scope, tuple(run), unit_field))
        return segments


def input_types(stage: Stage) -> Mapping[str, type[Record]]:
    """The declared inputs of a stage, the primary one first."""
    if isinstance(stage, Map):
        return {MAP_INPUT: stage.input}
    assert isinstance(stage, Join | Reduce)
    if isinstance(stage, Reduce) and stage.accounts_for is not None:
        rest = {name: cls for name, cls in stage.inputs.items() if name != stage.accounts_for}
        return {stage.accounts_for: stage.inputs[stage.accounts_for], **rest}
    return stage.inputs


def _check_inputs(node: Node, types: Mapping[str, type[Record]]) -> None:
    declared = input_types(node.stage)
    if set(declared) != set(node.inputs):
        raise DagError(f"{node.name}: inputs are {sorted(node.inputs)}, the stage takes {sorted(declared)}")
    for name, upstream in node.inputs.items():
        if upstream not in types:
            raise DagError(f"{node.name}: input '{name}' comes from '{upstream}', which is no earlier stage")
        if not issubclass(types[upstream], declared[name]):
            raise DagError(
                f"{node.name}: input '{name}' takes {declared[name].__name__} records, "
                f"but '{upstream}' puts out {types[upstream].__name__}"
            )
