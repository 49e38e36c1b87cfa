"""The units of a segment: what they are, what goes into them, and where their records lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds

from curation.base.records import digest_records, from_arrow, to_arrow
from curation.base.tables import Tables, ipc_bytes
from curation.records import Input
from pipelines.dag import Dag


@dataclass(frozen=True)
class Source:
    """What enters a unit: the digest and the number of its records."""

    digest: str
    count: int


class Scope(Protocol):
    """Units and the records that enter them."""

    name: str

    def units(self) -> Mapping[str, Source]:
        """Every unit, in order of arrival."""

    def load(self, units: Sequence[str]) -> dict[str, bytes]:
        """The records that enter some units, as Arrow IPC."""

    def to_dict(self) -> dict[str, Any]:
        """What `scope_from_dict` needs to make it anew on another node."""


class InputScope:
    """A unit is one discovered file."""

    def __init__(self, name: str, inputs: Iterable[Input]) -> None:
        self.name = name
        self._inputs = {record.input_id: record for record in inputs}

    def units(self) -> Mapping[str, Source]:
        """A unit per file, in order of discovery."""
        return {i: Source(digest_records([record]), 1) for i, record in self._inputs.items()}

    def load(self, units: Sequence[str]) -> dict[str, bytes]:
        """The Input record of each unit."""
        return {unit: ipc_bytes(to_arrow(Input, [self._inputs[unit]])) for unit in units}

    def to_dict(self) -> dict[str, Any]:
        """The name alone: Input records travel with their units."""
        return {"kind": "inputs", "name": self.name}


class GroupScope:
    """A unit is the records of one committed Reduce that share a field (the samples of a shard)."""

    def __init__(self, dag: Dag, node: str, field: str, attempt: str, tables: Tables) -> None:
        self.name = node
        self._cls = dag.output_type(node)
        self._field = field
        self._attempt = attempt
        self._tables = tables

    def units(self) -> Mapping[str, Source]:
        """A unit per value of the field, sorted."""
        table = self._tables.read_attempts(self._cls, [self._attempt], columns=[self._field, "digest"])
        digests: dict[str, list[str]] = {}
        for unit, digest in zip(
            table.column(self._field).to_pylist(), table.column("digest").to_pylist(), strict=True
        ):
            digests.setdefault(unit, []).append(digest)
        return {
            unit: Source(hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest(), len(found))
            for unit, found in sorted(digests.items())
        }

    def load(self, units: Sequence[str]) -> dict[str, bytes]:
        """The records of each unit, sorted by id so that the bytes do not depend on file order."""
        where = (ds.field("attempt") == self._attempt) & ds.field(self._field).isin(pa.array(units))
        table = self._tables.read(self._cls.TABLE, where=where)
        assert table is not None
        loaded = {}
        for unit in units:
            found = from_arrow(self._cls, table.filter(pa.compute.equal(table.column(self._field), unit)))
            found.sort(key=lambda record: record.record_id)
            loaded[unit] = ipc_bytes(to_arrow(self._cls, found))
        return loaded

    def to_dict(self) -> dict[str, Any]:
        """Which records of which attempt, grouped by which field."""
        return {"kind": "group", "name": self.name, "field": self._field, "attempt": self._attempt}


def scope_from_dict(values: Mapping[str, Any], dag: Dag, tables: Tables) -> Scope:
    """A scope as it was described by `to_dict`."""
    if values["kind"] == "inputs":
        return InputScope(values["name"], ())
    return GroupScope(dag, values["name"], values["field"], values["attempt"], tables)
