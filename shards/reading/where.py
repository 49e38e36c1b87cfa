"""Conditions on samples, such as `scores.motion > 0.3 and split == 'train'`, as Arrow expressions.

The grammar is a small part of Python's: comparisons, `in`, `is None`, `and`, `or`, `not`, constants, and
names with dots and [number] that lead into a sample's fields. It is parsed, never run: whatever else the
text holds is refused by name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shards.reading.errors import ShardError

MAX_CHARS: Final = 4096
MAX_INTEGER: Final = (1 << 63) - 1
EXAMPLE: Final = (
    "scores.motion > 0.3 and source.licence in ('CC0', 'CC-BY-4.0') and not contains(caption, 'logo')"
)

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_FUNCTIONS: dict[str, Callable[[pc.Expression, str], pc.Expression]] = {
    "contains": lambda field, text: pc.match_substring(field, text),
    "matches": lambda field, text: pc.match_substring_regex(field, text),
    "startswith": lambda field, text: pc.starts_with(field, text),
}


class Where:
    """A condition on samples. `fields` are the names it speaks of.

    A comparison with a field that a sample does not have, or whose value is null, is unknown; a sample
    is taken only if the whole condition is true of it.

    Raises:
        ShardError: the text is no such condition.
    """

    def __init__(self, text: str) -> None:
        self._shown = text if len(text) <= 200 else text[:200] + "…"
        self._fields: dict[str, tuple[str | int, ...]] = {}
        self._typed: dict[str, tuple[str, str | None]] = {}
        self._met: set[str] = set()
        if len(text) > MAX_CHARS:
            raise ShardError(f"--where has {len(text)} characters, at most {MAX_CHARS} are read")
        try:
            tree = ast.parse(text.strip(), mode="eval")
            self._expression = self._condition(tree.body)
        except (SyntaxError, ValueError, RecursionError, MemoryError, pa.ArrowException) as error:
            if isinstance(error, ShardError):
                raise
            raise ShardError(
                f"--where {self._shown!r}: cannot be read ({error}). For example: {EXAMPLE}"
            ) from None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, as written."""
        return tuple(self._fields)

    def needs(self, given: Sequence[str]) -> bool:
        """Whether it speaks of anything but these top-level fields."""
        return any(path[0] not in given for path in self._fields.values())

    def matches(self, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Whether each of some samples is taken.

        Raises:
            ShardError: a field's values cannot be compared in this way.
        """
        columns = {name: [_look_up(row, path) for row in rows] for name, path in self._fields.items()}
        for name, values in columns.items():
            if any(value is not None for value in values):
                self._met.add(name)
        try:
            arrays = {name: _column(values) for name, values in columns.items()}
            typed = {use: _typed(arrays, *of) for use, of in self._typed.items()}
            table = pa.table({"": range(len(rows)), **arrays, **typed})
            kept = set(table.filter(self._expression)[""].to_pylist())
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise ShardError(
                f"--where {self._shown!r}: its fields have other types of values ({error})"
            ) from None
        return [number in kept for number in range(len(rows))]

    def check_met(self, some: Mapping[str, Any]) -> None:
        """Make sure that every field was met in some sample; `some` is one, for the message.

        Raises:
            ShardError: one was in none, so that the name is probably mistyped.
        """
        there = _names(some)
        for name in self._fields:
            if name not in self._met:
                near = get_close_matches(name, there, n=1)
                below = sorted({each.partition(".")[0] for each in there})
                raise ShardError(
                    f"--where {self._shown!r}: no sample has '{name}'"
                    + (f"; is '{near[0]}' meant?" if near else f"; there are: {', '.join(below)}")
                )

    def _condition(self, node: ast.expr) -> pc.Expression:
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self._condition(value) for value in values]
                joined = parts[0]
                for part in parts[1:]:
                    joined = joined & part if isinstance(op, ast.And) else joined | part
                return joined
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._condition(operand)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(
                func=ast.Name(id=name), args=[field, ast.Constant(value=str(text))], keywords=[]
            ) if name in _FUNCTIONS:
                return _FUNCTIONS[name](self._typed_field(field, None), text)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._field(node) == pc.scalar(True)
        raise self._refusal(node)

    def _comparison(self, node: ast.Compare) -> pc.Expression:
        sides = [node.left, *node.comparators]
        found: pc.Expression | None = None
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            part = self._compared(left, operator, right, node)
            found = part if found is None else found & part
        assert found is not None
        return found

    def _compared(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, whole: ast.expr
    ) -> pc.Expression:
        if isinstance(operator, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise self._refusal(whole)
            null = self._field(left).is_null()
            return null if isinstance(operator, ast.Is) else ~null
        if isinstance(operator, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
                raise self._refusal(whole)
            # Arrow's own `isin` says no of a null, so that its negation would take samples without the field.
            field = self._field(left)
            inside = _any([field == pc.scalar(self._constant(each)) for each in right.elts])
            return inside if isinstance(operator, ast.In) else ~inside
        if all(not isinstance(each, ast.Constant | ast.UnaryOp) for each in (left, right)):
            self._field(right)
            return _COMPARISONS[type(operator)](
                self._typed_field(left, ast.unparse(right)), self._field(right)
            )
        return _COMPARISONS[type(operator)](self._value(left), self._value(right))

    def _value(self, node: ast.expr) -> pc.Expression:
        if isinstance(node, ast.Constant | ast.UnaryOp):
            return pc.scalar(self._constant(node))
        return self._field(node)

    def _constant(self, node: ast.expr) -> str | float | bool:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return self._in_range(value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return self._in_range(-value)
        raise self._refusal(node)

    def _in_range(self, value: str | float | bool) -> str | float | bool:
        if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ShardError(
                f"--where {self._shown!r}: holds a whole number beyond {MAX_INTEGER}, which nothing is "
                "compared with. Write it as a fraction (1e30)"
            )
        return value

    def _typed_field(self, node: ast.expr, like: str | None) -> pc.Expression:
        """A field where it must have a type even if no sample of a batch has it: that of the field `like`,
        of a text if there is none."""
        self._field(node)
        use = f"{ast.unparse(node)} as {like or 'text'}"
        self._typed[use] = (ast.unparse(node), like)
        return pc.field((use,))

    def _field(self, node: ast.expr) -> pc.Expression:
        path: list[str | int] = []
        inner = node
        while not isinstance(inner, ast.Name):
            match inner:
                case ast.Attribute(value=value, attr=name):
                    path.append(name)
                case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as place)):
                    path.append(place)
                case ast.Subscript(
                    value=value,
                    slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as place)),
                ):
                    path.append(-place)
                case _:
                    raise self._refusal(node)
            inner = value
        path.append(inner.id)
        name = ast.unparse(node)
        self._fields[name] = tuple(reversed(path))
        return pc.field((name,))

    def _refusal(self, node: ast.expr) -> ShardError:
        return ShardError(
            f"--where {self._shown!r}: '{ast.unparse(node)[:80]}' is not understood. Fields, numbers, "
            f"'texts', "
            f"== != < <= > >=, in (...), is None, and, or, not, {', '.join(f'{n}()' for n in _FUNCTIONS)} "
            f"are. "
            f"For example: {EXAMPLE}"
        )


def _look_up(row: Mapping[str, Any], path: Sequence[str | int]) -> Any:
    value: Any = row
    for step in path:
        match value, step:
            case Mapping(), str():
                value = value.get(step)
            case list(), int() if -len(value) <= step < len(value):
                value = value[step]
            case _:
                return None
    return value


def _column(values: list[Any]) -> pa.Array:
    """An Arrow array; whole numbers among fractions are fractions."""
    if any(isinstance(value, float) for value in values):
        values = [
            float(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for value in values
        ]
    return pa.array(values)


def _typed(arrays: Mapping[str, pa.Array], name: str, like: str | None) -> pa.Array:
    """A column; the type of one without any value is chosen."""
    array = arrays[name]
    if not pa.types.is_null(array.type):
        return array
    kind = pa.string() if like is None else arrays[like].type
    return pa.nulls(len(array), pa.bool_() if pa.types.is_null(kind) else kind)


def _any(parts: Sequence[pc.Expression]) -> pc.Expression:
    """Whether any of some expressions is true; halved, since Arrow goes down into an expression."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _any(parts[:middle]) | _any(parts[middle:])


def _names(value: Mapping[str, Any], before: str = "", depth: int = 3) -> set[str]:
    found: set[str] = set()
    for name, below in value.items():
        inside = isinstance(below, Mapping) and below and depth
        found |= _names(below, f"{before}{name}.", depth - 1) if inside else {f"{before}{name}"}
    return found
