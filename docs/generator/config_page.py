"""Every field of a run's and a training's config, out of the pydantic models."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from curation.base.config import is_operational
from docs.generator.markdown import HEAD, docstring, escaped, file_of, table
from pipelines.config import PipelineConfig

INTRODUCTION = """# Configuration

A config file is YAML. `cliploom run` reads the sections below as they are; `cliploom train` reads what
stands below `training` at the top level of its own file. `--set a.b=c` overrides any key, `cliploom schema`
prints the same as JSON Schema. Unknown keys, keys that stand twice, anchors and aliases are refused;
nothing is expanded.

A *semantic* field decides what comes out: changing it redoes what depends on it. An *operational* field
decides where and how fast: changing it redoes nothing.
"""
Places = dict[type[BaseModel], list[tuple[str, bool]]]
"""Models of config sections -> (path in the file, whether it is below an operational field)."""
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
    "minItems": "length ≥ {}",
    "maxItems": "length ≤ {}",
    "minProperties": "length ≥ {}",
}
"""Keys of JSON Schema and how they read."""


def config_page() -> str:
    """The page."""
    lines = [HEAD, INTRODUCTION]
    places: Places = {}
    _note_places(PipelineConfig, "", False, places)
    for model, found in places.items():
        rows = list(_rows(model, found[0][0] if len(found) == 1 else "…", found[0][1]))
        if rows:
            paths = ", ".join(f"`{path}`" if path else "Top level" for path, _ in found) + _variant(model)
            lines += [f"## {paths}\n", f"`{model.__name__}` ({file_of(model)}): {docstring(model)}\n"]
            lines += table(("key", "type", "default", "range", "kind of field", "meaning"), rows)
    return "\n".join(lines)


def _note_places(model: type[BaseModel], path: str, operational: bool, places: Places) -> None:
    """Where each model stands in a file, in the order of the file."""
    places.setdefault(model, []).append((path, operational))
    for name, field in model.model_fields.items():
        there = f"{path}.{name}" if path else name
        there += "[]" if typing.get_origin(field.annotation) is tuple else ""
        there += ".<name>" if _is_mapping(field.annotation) else ""
        for section in _sections(field.annotation):
            _note_places(section, there, operational or is_operational(field), places)


def _variant(model: type[BaseModel]) -> str:
    """The kind that chooses a model, where there is one to choose."""
    kind = model.model_fields.get("kind")
    values = () if kind is None else typing.get_args(kind.annotation)
    return f", kind {values[0]}" if len(values) == 1 else ""


def _rows(model: type[BaseModel], path: str, operational: bool) -> Iterator[tuple[str, ...]]:
    """A row per field that is no section, or a section that may be left out."""
    schema = model.model_json_schema()
    properties = schema["properties"]
    for name, field in model.model_fields.items():
        sections = _sections(field.annotation)
        if not sections:
            plain = _without_refs(properties[name], schema.get("$defs", {}))
            kind, values = _type(plain), _range(plain)
            default = "required" if field.is_required() else _value(field.get_default())
        elif type(None) in typing.get_args(field.annotation):
            present = None if field.is_required() else field.get_default()
            kind = "sections by name" if _is_mapping(field.annotation) else "section"
            default, values = "none" if present is None else "a section", ""
        elif typing.get_origin(field.annotation) is tuple:
            default = "one section" if field.get_default() else "none"
            kind, values = "list of sections", _range(properties[name])
        else:
            continue
        nature = "operational" if operational or is_operational(field) else "semantic"
        key = f"{path}.{name}" if path else name
        yield f"`{key}`", kind, default, values, nature, escaped(field.description or "")


def _is_mapping(annotation: Any) -> bool:
    """Whether a field is a mapping, or may be one."""
    return typing.get_origin(annotation) is dict or any(map(_is_mapping, typing.get_args(annotation)))


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The models of a field that is a section, or a choice of sections; none for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _sections(part)]


def _without_refs(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with what it refers to (enums) in place."""
    if isinstance(schema, list):
        return [_without_refs(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return definitions[schema["$ref"].rsplit("/", 1)[-1]]
    return {name: _without_refs(part, definitions) for name, part in schema.items()}


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return " or ".join(_value(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if schema["type"] == "array":
        parts = schema.get("prefixItems") or [schema["items"]]
        return f"list of {' or '.join(dict.fromkeys(_type(part) for part in parts))}"
    if schema["type"] == "object":
        return f"map of string to {_type(schema['additionalProperties'])}"
    return "none" if schema["type"] == "null" else str(schema["type"])


def _range(schema: Mapping[str, Any]) -> str:
    found = [words.format(_number(schema[name])) for name, words in BOUNDS.items() if name in schema]
    found += [bounds for part in schema.get("anyOf", ()) if (bounds := _range(part))]
    if schema.get("items") and (bounds := _range(schema["items"])):
        found.append(f"each {bounds}")
    return ", ".join(found)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _value(value: Any) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"
