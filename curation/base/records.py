"""The base of every record: a frozen dataclass that knows its Arrow schema and its digest.

A step returns new records; nothing is filled in along the way. The Arrow schema is derived from
the annotations, so that a record class is the one place where a table's columns are written down.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import pyarrow as pa

SCORE_DECIMALS = 4
"""Scores are rounded to this many decimals before thresholds and storage, so that the last bits of
a float never decide what is kept."""


def round_score(value: float) -> float:
    """Round a score for thresholds and storage."""
    return round(float(value), SCORE_DECIMALS)


def untracked(**kwargs: Any) -> Any:
    """A field that says where something lies or how it came about, not what it is.

    It is left out of the record's digest, so that a changed value redoes nothing downstream.
    """
    return dataclasses.field(metadata={"digest": False}, **kwargs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A structured value inside a record (a claim, a segment, a media reference)."""

    def canonical(self) -> dict[str, Any]:
        """The tracked fields as plain JSON values."""
        return {
            field.name: _plain(getattr(self, field.name), tracked_only=True)
            for field in dataclasses.fields(self)
            if field.metadata.get("digest", True)
        }

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values that Arrow and JSON accept."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Rebuild from what `to_dict` gave; keys that are no fields are ignored."""
        annotations = _annotations(cls)
        return cls(
            **{
                field.name: _restore(annotations[field.name], values[field.name])
                for field in dataclasses.fields(cls)
                if field.name in values
            }
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record(Part):
    """One row of one table.

    Subclasses set `TABLE` and define `record_id` and `parent_ids`: the ids of the records of the
    stage's primary input that this one answers for (the runner's accounting follows them).
    """

    TABLE: ClassVar[str]

    @property
    def record_id(self) -> str:
        """The id under which other records refer to this one."""
        raise NotImplementedError(f"{type(self).__name__} must say which field is its id")

    @property
    def parent_ids(self) -> tuple[str, ...]:
        """Ids of the input records that this record stems from."""
        raise NotImplementedError(f"{type(self).__name__} must say what it stems from")

    def digest(self) -> str:
        """sha256 (hex) over the tracked fields in canonical JSON."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


R = TypeVar("R", bound=Record)


def digest_records(records: Iterable[Record]) -> str:
    """Digest of a set of records, whatever their order."""
    joined = "\n".join(sorted(record.digest() for record in records))
    return hashlib.sha256(joined.encode()).hexdigest()


def arrow_schema(cls: type[Part]) -> pa.Schema:
    """The Arrow schema of a record class.

    Raises:
        TypeError: an annotation has no Arrow counterpart (a mistake in the record class).
    """
    return _schemas(cls)


def _derive_schema(cls: type[Part]) -> pa.Schema:
    annotations = _annotations(cls)
    return pa.schema(
        [pa.field(field.name, *_arrow_type(annotations[field.name])) for field in dataclasses.fields(cls)]
    )


def to_arrow(cls: type[Record], records: Sequence[Record]) -> pa.Table:
    """Records of one class as an Arrow table."""
    return pa.Table.from_pylist([record.to_dict() for record in records], schema=arrow_schema(cls))


def from_arrow(cls: type[R], table: pa.Table) -> list[R]:
    """Records of one class out of an Arrow table; extra columns are ignored."""
    names = [field.name for field in dataclasses.fields(cls)]
    return [cls.from_dict(row) for row in table.select(names).to_pylist()]


_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


# Typed by hand: mypy takes the class of a dataclass for unhashable.
_schemas: Callable[[Any], pa.Schema] = functools.cache(_derive_schema)
_annotations: Callable[[Any], dict[str, Any]] = functools.cache(typing.get_type_hints)


def _arrow_type(annotation: Any) -> tuple[pa.DataType, bool]:
    """The Arrow type of an annotation, and whether it may be null."""
    inner, optional = _strip_optional(annotation)
    if inner in _SCALARS:
        return _SCALARS[inner], optional
    if isinstance(inner, type) and issubclass(inner, str):
        return pa.string(), optional
    if isinstance(inner, type) and issubclass(inner, Part):
        return pa.struct(list(arrow_schema(inner))), optional
    if typing.get_origin(inner) is tuple:
        element, _ = _arrow_type(typing.get_args(inner)[0])
        return pa.list_(element), optional
    raise TypeError(f"no Arrow type for {annotation!r}")


def _strip_optional(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        if len(inner) == 1:
            return inner[0], True
    return annotation, False


def _plain(value: Any, *, tracked_only: bool = False) -> Any:
    if isinstance(value, Part):
        return value.canonical() if tracked_only else value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item, tracked_only=tracked_only) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes) and tracked_only:
        return value.hex()
    return value


def _restore(annotation: Any, value: Any) -> Any:
    inner, _ = _strip_optional(annotation)
    if value is None:
        return None
    if isinstance(inner, type) and issubclass(inner, Part):
        return inner.from_dict(value)
    if typing.get_origin(inner) is tuple:
        element = typing.get_args(inner)[0]
        return tuple(_restore(element, item) for item in value)
    if isinstance(inner, type) and issubclass(inner, str) and inner is not str:
        return inner(value)
    return value
