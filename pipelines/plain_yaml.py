"""Plain YAML: no anchors, no key twice, no deep nesting, so that what is read is what is written."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 50
"""Mappings and lists inside one another; no config needs a tenth of it."""


class NotPlain(ValueError):
    """A text that is no plain YAML; the message says why, `line` (from 1) where it is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_plain(text: str) -> tuple[Any, yaml.Node | None]:
    """The values of a YAML text, and the node they were made from (None for an empty text).

    Raises:
        NotPlain: it is no YAML, or has anchors, aliases, unknown tags, a key twice or deep nesting.
    """
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(node)
        return yaml.safe_load(text), node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise NotPlain(f"not valid YAML: {reason}", mark.line + 1 if mark is not None else None) from None
    except yaml.YAMLError as error:
        raise NotPlain(f"not valid YAML: {error}") from None
    except NotPlain:
        raise
    except ValueError as error:
        # A date or number that YAML's patterns let through and Python does not.
        raise NotPlain(f"not valid YAML: {error}") from None


def _check_events(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        assert event.start_mark is not None
        line = event.start_mark.line + 1
        name = getattr(event, "anchor", None)
        if name is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise NotPlain(
                f"'{sign}{name}': anchors and aliases are not supported. Write the value out, "
                f"or put a text that starts with {sign} in quotes.",
                line,
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise NotPlain(f"more than {MAX_DEPTH} levels of nesting", line)


def _check_keys(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_keys(value)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    first = seen[key.value]
                    raise NotPlain(
                        f"key '{key.value}' stands on line {first} and again on line {line}. Keep one.", line
                    )
                seen[key.value] = line
            _check_keys(value)
