"""What is done and what is to do, from the ledger alone.

A stage is settled for a unit if the ledger holds a result under the present stage key for exactly
the unit's present inputs. Because that looks at digests, an upstream change that leaves a unit's
records as they were leaves everything below settled (early cut-off).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from curation.base.ledger import Ledger, UnitRow
from pipelines.dag import Node, Segment
from pipelines.execution import NO_RECORDS, input_digest
from pipelines.scope import Source

Ignore = Callable[[UnitRow], bool]


@dataclass
class NodeCounts:
    """Records of a stage's primary input: each is committed, rejected or pending."""

    inputs: int = 0
    committed: int = 0
    rejected: int = 0
    pending: int = 0
    outputs: int = 0
    units_settled: int = 0
    units_pending: int = 0
    units_changed: int = 0
    """Pending units that have a result under another key or for other inputs."""

    def settle(self, inputs: int, committed: int, rejected: int, outputs: int) -> None:
        """Count a settled unit."""
        self.inputs += inputs
        self.committed += committed
        self.rejected += rejected
        self.outputs += outputs
        self.units_settled += 1


@dataclass
class UnitState:
    """Where a unit stands: per node (and for the scope) the digest and number of its records, and
    the attempt that wrote them (None for records that there are none of)."""

    unit: str
    sources: dict[str, Source]
    attempts: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Assessment:
    """The state of a segment. `todo` are the units with something left to run; `stale` are results that
    hold but are not the newest of their unit: rows to name again."""

    counts: dict[str, NodeCounts]
    todo: list[UnitState] = field(default_factory=list)
    stale: list[UnitRow] = field(default_factory=list)


def assess(
    segment: Segment,
    keys: Mapping[str, str],
    ledger: Ledger,
    units: Mapping[str, Source],
    *,
    ignore: Ignore | None = None,
) -> Assessment:
    """Walk every unit through the nodes of a segment of Maps and Joins."""
    result = Assessment(counts={node.name: NodeCounts() for node in segment.nodes})
    for unit, source in units.items():
        state = UnitState(unit, {segment.scope: source})
        open_nodes = False
        for node in segment.nodes:
            counts = result.counts[node.name]
            step = settle(node, keys[node.name], ledger, state, ignore=ignore)
            if step is None:
                open_nodes = True
                upstream = state.sources.get(node.inputs[node.primary])
                waiting = upstream.count if upstream else 0
                counts.inputs += waiting
                counts.pending += waiting
                counts.units_pending += 1
                counts.units_changed += bool(ledger.current(node.name, unit))
                continue
            if step.row is not None:
                counts.settle(step.row.inputs, step.row.committed, step.row.rejected, step.row.outputs)
            else:
                counts.settle(0, 0, 0, 0)
            if step.stale is not None:
                result.stale.append(step.stale)
        if open_nodes:
            result.todo.append(state)
    return result


@dataclass(frozen=True)
class Settled:
    """A node that needs no run for a unit: by a ledger row, or because nothing enters it."""

    row: UnitRow | None
    stale: UnitRow | None = None


def settle(
    node: Node, key: str, ledger: Ledger, state: UnitState, *, ignore: Ignore | None = None
) -> Settled | None:
    """Settle a node for a unit from the ledger and note its output in `state`; None if it must run
    or wait."""
    if any(upstream not in state.sources for upstream in node.inputs.values()):
        return None
    digest = input_digest(node, {name: source.digest for name, source in state.sources.items()})
    current = ledger.current(node.name, state.unit)
    if state.sources[node.inputs[node.primary]].count == 0:
        state.sources[node.name] = Source(NO_RECORDS, 0)
        state.attempts[node.name] = None
        outdated = current is not None and current.outputs + current.rejected > 0
        return Settled(None, stale=_emptied(current, key, digest) if outdated and current else None)
    row = ledger.find(node.name, key, state.unit, digest)
    if row is None or (ignore is not None and ignore(row)):
        return None
    if node.distinct and row is not current:
        # Another unit may have taken over its records since: it has to claim them anew.
        return None
    state.sources[node.name] = Source(row.output_digest, row.outputs)
    state.attempts[node.name] = row.attempt
    return Settled(row, stale=row if row is not current else None)


def _emptied(row: UnitRow, key: str, digest: str) -> UnitRow:
    """A row that says that nothing is left of an earlier result."""
    return UnitRow(
        **{
            **{name: getattr(row, name) for name in ("stage", "unit", "revision", "epoch", "run_id")},
            "stage_key": key,
            "attempt": "",
            "input_digest": digest,
            "output_digest": NO_RECORDS,
            "inputs": 0,
            "committed": 0,
            "rejected": 0,
            "outputs": 0,
            "media": (),
            "committed_at": row.committed_at,
        }
    )
