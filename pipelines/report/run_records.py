"""Where the report reads a run's records: whole columns in batches, and single clips by id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Protocol, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from curation.base.records import Record, from_arrow
from curation.base.rejects import Rejected
from pipelines.run_view import RunView

R = TypeVar("R", bound=Record)


class RunRecords(Protocol):
    """The records of a run that count."""

    def outputs(self) -> Mapping[str, type[Record]]:
        """The record type that each stage puts out, in DAG order."""

    def batches(self, cls: type[Record], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of every record of a class, in any order; `a.b` is field b of struct a."""

    def where(self, cls: type[R], column: str, values: Sequence[str]) -> list[R]:
        """The records whose column has one of some values, sorted by id."""


class CommittedRecords:
    """The committed records of a run's tables."""

    def __init__(self, view: RunView) -> None:
        self._tables = view.tables
        self._outputs = {node.name: node.stage.output for node in view.dag}
        attempts: dict[type[Record], list[str]] = defaultdict(list)
        for node in view.dag:
            held = [row.attempt for row in view.rows(node.name)]
            attempts[node.stage.output] += held
            attempts[Rejected] += held
        self._attempts = {cls: sorted(set(found)) for cls, found in attempts.items()}

    def outputs(self) -> Mapping[str, type[Record]]:
        """The record type that each stage puts out, in DAG order."""
        return self._outputs

    def batches(self, cls: type[Record], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of every committed record of a class."""
        dataset, attempts = self._tables.dataset(cls.TABLE), self._attempts.get(cls)
        if dataset is not None and attempts:
            yield from dataset.to_batches(columns=projection(columns), filter=_of_attempts(attempts))

    def where(self, cls: type[R], column: str, values: Sequence[str]) -> list[R]:
        """The committed records whose column has one of some values, sorted by id."""
        dataset, attempts = self._tables.dataset(cls.TABLE), self._attempts.get(cls)
        if dataset is None or not attempts or not values:
            return []
        chosen = _of_attempts(attempts) & ds.field(column).isin(pa.array(values, pa.string()))
        table = dataset.to_table(columns=[field.name for field in fields(cls)], filter=chosen)
        return sorted(from_arrow(cls, table), key=lambda record: (record.record_id, record.digest()))


def projection(columns: Sequence[str]) -> dict[str, ds.Expression]:
    """Columns and fields of structs as an Arrow projection, so that only they are read."""
    return {name: ds.field(*name.split(".")) for name in columns}


def _of_attempts(attempts: Sequence[str]) -> ds.Expression:
    """The range lets file statistics prune; the set then picks the rows."""
    attempt = ds.field("attempt")
    return (attempt >= attempts[0]) & (attempt <= attempts[-1]) & attempt.isin(pa.array(attempts))
