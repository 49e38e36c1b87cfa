"""Every table of a run with its columns, out of the record classes."""

from __future__ import annotations

import dataclasses
import tempfile
import typing
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pyarrow as pa

from curation.base.ledger import Attempt, UnitRow
from curation.base.records import Part, Record, arrow_schema
from curation.base.rejects import Reason, Rejected
from curation.base.tables import BOOKKEEPING
from curation.base.workspace import Workspace
from docs.generator.markdown import HEAD, docstring, file_of, table
from pipelines.build import build
from pipelines.config import PipelineConfig

INTRODUCTION = f"""# Tables

Each record type has one Delta Lake table below `RUN/tables/`. An *untracked* field says where something
lies or how it came about: it is no part of the record's digest, so a change of it redoes nothing. Beside its
fields every row has {", ".join(f"`{name}`" for name in BOOKKEEPING.names)} ([run.md](../run.md)), and its
table is partitioned by `stage_key`. `units` and `attempts`, the ledger, have their fields only.
"""


def tables_page() -> str:
    """The page."""
    lines = [HEAD, INTRODUCTION]
    parts: dict[type[Part], None] = {}
    for cls, writers in _record_classes().items():
        lines += [f"## {cls.TABLE}\n", f"`{cls.__name__}` ({file_of(cls)}), written by {writers}."]
        lines += [f"{docstring(cls)}\n", *table(("column", "type", "notes"), _columns(cls, parts))]
    lines += ["# Structures inside columns\n"]
    shown: set[type[Part]] = set()
    while new := [part for part in parts if part not in shown]:
        for part in new:
            shown.add(part)
            lines += [f"## {part.__name__}\n", f"{file_of(part)}. {docstring(part)}\n"]
            lines += table(("field", "type", "notes"), _columns(part, parts))
    return "\n".join(lines)


def _record_classes() -> dict[type[Record], str]:
    """Every record class and who writes it, in the order of the data."""
    with tempfile.TemporaryDirectory() as folder:
        dag = build(PipelineConfig(), Workspace.open(f"{folder}/run", folder))
    writers: dict[type[Record], list[str]] = {dag.root_type: ["discovery"]}
    for node in dag:
        writers.setdefault(node.stage.output, []).append(f"`{node.name}`")
    found = {cls: ", ".join(names) for cls, names in writers.items()}
    return {**found, Rejected: "every stage", UnitRow: "the committer", Attempt: "the committer"}


def _columns(cls: type[Part], parts: dict[type[Part], None]) -> Iterator[tuple[str, ...]]:
    """A row per column; classes of structures that are met on the way are added to `parts`."""
    annotations = typing.get_type_hints(cls)
    schema = arrow_schema(cls)
    for field in dataclasses.fields(cls):
        column = schema.field(field.name)
        notes = ["may be null"] if column.nullable else []
        if not field.metadata.get("digest", True):
            notes.append("untracked")
        yield f"`{field.name}`", _type(column.type, annotations[field.name], parts), ", ".join(notes)


def _type(kind: pa.DataType, annotation: Any, parts: dict[type[Part], None]) -> str:
    inner = _innermost(annotation)
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type, annotation, parts)}"
    if issubclass(inner, Part):
        parts.setdefault(inner)
        return f"[{inner.__name__}](#{inner.__name__.lower()})"
    if issubclass(inner, Reason):
        return f"{kind}: a [reason](rejects.md)"
    if issubclass(inner, StrEnum):
        return f"{kind}: {', '.join(f'`{item}`' for item in inner)}"
    return str(kind)


def _innermost(annotation: Any) -> type:
    """The class inside tuples and optionals."""
    while not isinstance(annotation, type):
        annotation = next(part for part in typing.get_args(annotation) if part not in (type(None), ...))
    return annotation
