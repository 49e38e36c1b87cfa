"""Reading a YAML config: one file, `--set a.b=c` on top, and messages that name key, value and line."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from curation.base.storage import open_url
from pipelines.plain_yaml import MAX_DEPTH, NotPlain, read_plain

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]


class ConfigError(ValueError):
    """A config that cannot be used; the message says what, where, the value and what is allowed."""


def load_config(
    model: type[M],
    source: str,
    overrides: Iterable[str] = (),
    complete: Callable[[dict[str, Any]], None] | None = None,
) -> M:
    """Read a config file and apply `a.b=c` overrides, typed by the model.

    `complete` may fill in values that follow from where the config is used.

    Raises:
        ConfigError: the file is missing or no YAML, or a key or value is not allowed.
    """
    text = _read(source)
    values, lines = _parse(text, source)
    for override in overrides:
        path = _apply(values, override)
        lines[path] = f"--set {override}"
    if complete is not None:
        complete(values)
    return validate(model, values, source, lines)


def default_config(model: type[M], overrides: Iterable[str]) -> M:
    """A model's defaults with `a.b=c` overrides.

    Raises:
        ConfigError: a key or value is not allowed.
    """
    values: dict[str, Any] = {}
    lines = {_apply(values, override): f"--set {override}" for override in overrides}
    return validate(model, values, "--set", lines)


def validate(
    model: type[M], values: Mapping[str, Any], source: str, lines: Mapping[Path, str] | None = None
) -> M:
    """Build a model from plain values.

    Raises:
        ConfigError: a key or value is not allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [_explain(model, detail, source, lines or {}) for detail in _innermost(error.errors())]
        raise ConfigError("\n".join(dict.fromkeys(found))) from None


def _innermost(details: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Errors less those that follow from one inside: a tuple whose only item is wrong is also too short."""
    places = [detail["loc"] for detail in details]
    for detail in details:
        here = detail["loc"]
        if not any(len(place) > len(here) and place[: len(here)] == here for place in places):
            yield detail


def _read(source: str) -> str:
    try:
        with open_url(source) as file:
            return file.read().decode()
    except FileNotFoundError:
        raise ConfigError(f"{source}: no such file. Give the path or URL of a YAML config.") from None
    except IsADirectoryError:
        raise ConfigError(f"{source} is a folder. Give the path or URL of a YAML config.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{source}: not a text file. Give the path or URL of a YAML config.") from None


def _parse(text: str, source: str) -> tuple[dict[str, Any], dict[Path, str]]:
    """The values of a YAML mapping, and the line of every key."""
    try:
        values, node = read_plain(text)
    except NotPlain as error:
        where = f"{source}:{error.line}" if error.line else source
        raise ConfigError(f"{where}: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: holds no keys. A config is a mapping of keys to values.")
    lines: dict[Path, str] = {}
    _note_lines(node, (), source, lines)
    return values, lines


def _note_lines(node: Any, path: Path, source: str, lines: dict[Path, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, key.value)
            lines[here] = f"{source}:{key.start_mark.line + 1}"
            _note_lines(value, here, source, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*path, number)] = f"{source}:{value.start_mark.line + 1}"
            _note_lines(value, (*path, number), source, lines)


def _apply(values: dict[str, Any], override: str) -> Path:
    """Put an `a.b=c` into nested values; the right side is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: write it as key.subkey=value")
    parts = key.split(".")
    if len(parts) > MAX_DEPTH:
        raise ConfigError(f"--set {_short(override)}: more than {MAX_DEPTH} levels of keys")
    try:
        value = read_plain(text)[0] if text else None
    except NotPlain as error:
        raise ConfigError(f"--set {override}: {error} (a text may stand in quotes)") from None
    here = values
    for part in parts[:-1]:
        below = here.get(part)
        if not isinstance(below, dict):
            below = here[part] = {}
        here = below
    here[parts[-1]] = value
    return tuple(parts)


def _explain(model: type[BaseModel], detail: ErrorDetails, source: str, lines: Mapping[Path, str]) -> str:
    path = tuple(part for part in detail["loc"])
    shown = _without_tags(model, path)
    where = next((lines[shown[:n]] for n in range(len(shown), 0, -1) if shown[:n] in lines), source)
    name = ".".join(str(part) for part in shown)
    kind = detail["type"]
    if kind == "extra_forbidden":
        allowed = _fields_at(model, path[:-1])
        near = difflib.get_close_matches(str(shown[-1]), allowed, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        return (
            f"{where}: {name} = {_short(detail['input'])}: no such key. {hint}"
            f"Allowed here: {', '.join(allowed)}."
        )
    if kind == "missing":
        return f"{where}: {name} is missing. {_description(model, path)}"
    message = detail["msg"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        context = detail.get("ctx", {})
        value = f"kind = {context.get('tag')!r}" if kind == "union_tag_invalid" else "no kind"
        tags = context.get("expected_tags") or ", ".join(
            repr(tag) for found in _models_at(model, path) for tag in _literal(found)
        )
        return f"{where}: {name}: {value}; allowed: {tags}."
    if kind == "value_error" and isinstance(detail["input"], dict):
        # A rule over several keys: it names them and their values itself.
        place = f"{name}: " if name else ""
        return f"{where}: {place}{message.removeprefix('Value error, ').rstrip('.')}."
    message = message.removeprefix("Value error, ").rstrip(".")
    value = _short(detail["input"])
    return (
        f"{where}: {name} = {value}: {message[0].lower()}{message[1:]}. {_description(model, path)}".strip()
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _without_tags(model: type[BaseModel], path: Path) -> Path:
    """The path as written in the file: pydantic puts a union's tag between its parts."""
    shown: list[str | int] = []
    models: list[type[BaseModel]] = [model]
    for part in path:
        tagged = [m for m in models if "kind" in m.model_fields and part in _literal(m)]
        if tagged and not any(part in m.model_fields for m in models):
            models = tagged
            continue
        shown.append(part)
        if isinstance(part, str):
            models = _models_below(models, part)
    return tuple(shown)


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    return [name for found in _models_at(model, path) for name in found.model_fields]


def _description(model: type[BaseModel], path: Path) -> str:
    for found in _models_at(model, path[:-1]):
        field = found.model_fields.get(str(path[-1])) if path else None
        if field is not None and field.description:
            return field.description
    return ""


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    models = [model]
    for part in path:
        tagged = [m for m in models if part in _literal(m)]
        if tagged and not any(part in m.model_fields for m in models):
            models = tagged
        elif isinstance(part, str):
            models = _models_below(models, part)
    return models


def _models_below(models: list[type[BaseModel]], part: str) -> list[type[BaseModel]]:
    """The models of a field; what is no field is the name of an entry in a mapping of such models."""
    fields = [m.model_fields[part] for m in models if part in m.model_fields]
    return [found for field in fields for found in _models_in(field.annotation)] if fields else models


def _literal(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return typing.get_args(field.annotation) if field is not None else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, types.UnionType) or typing.get_args(annotation):
        return [found for arg in typing.get_args(annotation) for found in _models_in(arg)]
    return []
