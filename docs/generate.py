"""Writes the pages below docs/reference out of the code: `python docs/generate.py`.

A test compares them, so that a changed option, config field or table without its page is noticed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import tempfile
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from curation.base.config import is_operational
from curation.base.ledger import Attempt, UnitRow
from curation.base.records import Part, Record, arrow_schema
from curation.base.rejects import Reason, Rejected
from curation.base.tables import BOOKKEEPING
from curation.base.workspace import Workspace
from pipelines.build import build
from pipelines.cli import cli
from pipelines.config import PipelineConfig
from pipelines.report.reasons import MEANING
from training.config import TrainConfig

FOLDER = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- Written by docs/generate.py; run it again instead of editing. -->\n"
HELP_WIDTH = 100
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "minProperties": "at least {} entries",
}
NO_BOOKKEEPING = (UnitRow, Attempt)
"""Tables of the ledger itself, whose rows are named by no other row."""


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of every generated page, by file name."""
    return {
        "config.md": _config_page(),
        "cli.md": _cli_page(),
        "tables.md": _tables_page(),
        "rejects.md": _rejects_page(),
    }


def _config_page() -> str:
    lines = [
        HEAD,
        "# Configuration\n",
        "A config file is YAML. `cliploom run` reads the sections below as they are; `cliploom train` reads",
        "what stands below `training` at the top level of its own file. `--set a.b=c` overrides any key,",
        "`cliploom schema` prints the same as JSON Schema. Unknown keys are refused. `${env:NAME}` in a string",
        "is replaced from the environment; nothing else is expanded.\n",
        "*Semantic* fields decide what comes out: changing one redoes what depends on it.",
        "*Operational* fields decide where and how fast: changing one redoes nothing.\n",
    ]
    places: dict[type[BaseModel], list[tuple[str, bool]]] = {}
    _note_places(PipelineConfig, "", False, places)
    for model, found in places.items():
        paths = ", ".join(f"`{path}`" if path else "top level" for path, _ in found)
        lines += [f"## {paths}\n", f"`{model.__name__}` ({_file_of(model)}): {_doc(model)}\n"]
        rows = list(_fields(model, found[0][0] if len(found) == 1 else "…", found[0][1]))
        if rows:
            lines += [*_table(("key", "type", "default", "range", "", "meaning"), rows), ""]
    return "\n".join(lines)


def _note_places(
    model: type[BaseModel], path: str, operational: bool, places: dict[type[BaseModel], list[tuple[str, bool]]]
) -> None:
    """Where each model stands in a file, in order; whether it is below an operational field."""
    places.setdefault(model, []).append((path, operational))
    for name, field in model.model_fields.items():
        below = _model_of(field)
        if below is not None:
            there = f"{path}.{name}" if path else name
            _note_places(below, there, operational or is_operational(field), places)


def _fields(model: type[BaseModel], path: str, operational: bool) -> Iterator[tuple[str, ...]]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if _model_of(field) is TrainConfig:
            default, kind, values = "none", "section, optional", ""
        elif _model_of(field) is not None:
            continue
        else:
            values = _range(schema["properties"][name])
            kind = _type(schema["properties"][name])
            default = "required" if field.is_required() else _code(_plain(field.get_default()))
        nature = "operational" if operational or is_operational(field) else "semantic"
        key = f"{path}.{name}" if path else name
        yield f"`{key}`", kind, default, values, nature, field.description or ""


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The config section that a field is, None for a plain value."""
    for part in (field.annotation, *typing.get_args(field.annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return " or ".join(_code(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if schema.get("type") == "array":
        parts = schema.get("prefixItems", [schema.get("items", {})])
        return f"list of {' or '.join(dict.fromkeys(_type(part) for part in parts))}"
    if schema.get("type") == "object":
        return f"map of string to {_type(schema['additionalProperties'])}"
    return {"null": "none"}.get(schema["type"], schema["type"])


def _range(schema: Mapping[str, Any]) -> str:
    found = [text.format(_number(schema[name])) for name, text in BOUNDS.items() if name in schema]
    for part in schema.get("anyOf", ()):
        found += [text for text in [_range(part)] if text]
    items = _range(schema.get("items") or {})
    return ", ".join([*found, *([f"each {items}"] if items else [])])


def _number(value: Any) -> str:
    return f"{int(value)}" if float(value).is_integer() else f"{value:g}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _code(value: Any) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def _cli_page() -> str:
    lines = [HEAD, "# Commands\n", "What `--help` prints.\n"]
    for path, text in _helps(cli, None, "cliploom"):
        lines += [f"## {path}\n", "```text", text, "```\n"]
    return "\n".join(lines)


def _helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=HELP_WIDTH, max_content_width=HELP_WIDTH
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from _helps(found, context, below)


def _tables_page() -> str:
    bookkeeping = ", ".join(f"`{name}`" for name in BOOKKEEPING.names)
    lines = [
        HEAD,
        "# Tables\n",
        "Each record type has one Delta Lake table below `RUN/tables/`. A field marked *untracked* says where",
        "something lies or how it came about: it is no part of the record's digest, so a change of it redoes",
        f"nothing. Beside its fields every row has {bookkeeping} ([run.md](../run.md)); tables are",
        "partitioned by `stage_key`. `units` and `attempts`, the ledger, have their fields only.\n",
    ]
    parts: dict[type[Part], None] = {}
    for cls, writers in _record_classes().items():
        lines += [f"## {cls.TABLE}\n", f"`{cls.__name__}` ({_file_of(cls)}), written by {writers}. {_doc(cls)}\n"]
        lines += [*_table(("column", "type", "", ""), _columns(cls, parts)), ""]
    lines += ["# Structures inside columns\n"]
    done: set[type[Part]] = set()
    while left := [cls for cls in parts if cls not in done]:
        for cls in left:
            done.add(cls)
            lines += [f"## {cls.__name__}\n", f"({_file_of(cls)}) {_doc(cls)}\n"]
            lines += [*_table(("field", "type", "", ""), _columns(cls, parts)), ""]
    return "\n".join(lines)


def _record_classes() -> dict[type[Record], str]:
    """Every record class with the stages that write it, in the order of the data."""
    with tempfile.TemporaryDirectory() as folder:
        dag = build(PipelineConfig(), Workspace.open(f"{folder}/run", folder))
    writers: dict[type[Record], list[str]] = {dag.root_type: ["discovery"]}
    for node in dag:
        writers.setdefault(node.stage.output, []).append(f"`{node.name}`")
    found = {cls: ", ".join(names) for cls, names in writers.items()}
    return {**found, Rejected: "every stage", UnitRow: "the committer", Attempt: "the committer"}


def _columns(cls: type[Part], parts: dict[type[Part], None]) -> Iterator[tuple[str, ...]]:
    annotations = typing.get_type_hints(cls)
    schema = arrow_schema(cls)
    for field in dataclasses.fields(cls):
        column = schema.field(field.name)
        kind = _arrow_text(column.type, annotations[field.name], parts)
        tracked = "" if field.metadata.get("digest", True) or cls in NO_BOOKKEEPING else "untracked"
        yield f"`{field.name}`", kind, "may be null" if column.nullable else "", tracked


def _arrow_text(kind: pa.DataType, annotation: Any, parts: dict[type[Part], None]) -> str:
    inner = _innermost(annotation)
    if pa.types.is_list(kind):
        return f"list of {_arrow_text(kind.value_type, annotation, parts)}"
    if issubclass(inner, Part):
        parts.setdefault(inner)
        return f"[{inner.__name__}](#{inner.__name__.lower()})"
    if inner is not Reason and issubclass(inner, StrEnum):
        return f"{kind}: {', '.join(f'`{item}`' for item in inner)}"
    return str(kind)


def _innermost(annotation: Any) -> type:
    while not isinstance(annotation, type):
        annotation = next(part for part in typing.get_args(annotation) if part not in (type(None), Ellipsis))
    return annotation


def _rejects_page() -> str:
    rows = [(f"`{reason}`", MEANING[reason]) for reason in Reason]
    return "\n".join(
        [
            HEAD,
            "# Reasons for rejection\n",
            "A reject is a row of the table [`rejected`](tables.md#rejected): one of these reasons, and a sentence that",
            "says what, where, the value and what to do. `cliploom tables RUN rejected` prints them.\n",
            *_table(("reason", "meaning"), rows),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: typing.Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def _doc(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())


def _file_of(cls: type) -> str:
    return f"`{cls.__module__.replace('.', '/')}.py`"


if __name__ == "__main__":
    sys.exit(main())
