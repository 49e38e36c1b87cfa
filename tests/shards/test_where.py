"""Conditions on samples: what they mean, what of missing fields, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from shards.reading import ShardError
from shards.reading.where import Where

ROWS: list[dict[str, Any]] = [
    {
        "key": "a",
        "scores": {"motion": 0.5},
        "source": {"licence": "CC0"},
        "caption": "a logo",
        "tags": [{"k": "V"}],
    },
    {"key": "b", "scores": {"motion": None}, "source": {"licence": None}, "caption": None, "tags": []},
    {"key": "c", "scores": {"motion": 1}, "caption": "plain", "good": True},
]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("scores.motion > 0.3", "ac"),
        ("not scores.motion > 0.7", "a"),
        ("0.4 < scores.motion <= 0.6", "a"),
        ("scores['motion'] >= -1", "ac"),
        ("key in ('a', 'x') or key == 'c'", "ac"),
        ("source.licence is None", "bc"),
        ("source.licence is not None", "a"),
        ("source.licence not in ('X', 'Y')", "a"),
        ("not contains(caption, 'logo')", "c"),
        ("startswith(caption, 'pl') and matches(key, '^[b-d]$')", "c"),
        ("tags[0].k == 'V'", "a"),
        ("tags[-1].k == 'V'", "a"),
        ("good", "c"),
        ("good and key == 'a'", ""),
        ("nothing > 3 or key == 'a'", "a"),
        ("contains(nothing, 'x') or key == 'a'", "a"),
        ("not startswith(nothing, 'x') or matches(nothing, 'x') or key == 'b'", "b"),
        ("nothing in ('x', 'y') or nothing in (1, 2) or key == 'a'", "a"),
        ("not nothing in (1, 2) or nothing not in ('x', 'y') or key == 'a'", "a"),
        ("not source.licence in ('X', 'Y')", "a"),
        ("scores.motion in (1, 0.25)", "c"),
        ("nothing == neither or nothing < key or key >= neither or key == 'a'", "a"),
        ("contains(nothing, 'x') or nothing > 3 or nothing == 'x' or nothing or key == 'a'", "a"),
        ("caption in (" + ", ".join(f"'{n}'" for n in range(500)) + ", 'plain')", "c"),
    ],
)
def test_what_conditions_mean(text: str, keys: str) -> None:
    taken = Where(text).matches(ROWS)
    assert "".join(row["key"] for row, yes in zip(ROWS, taken, strict=True) if yes) == keys


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('x')",
        "(lambda: 1)()",
        "[k for k in key]",
        "key.upper() == 'A'",
        "f'{key}' == 'a'",
        "contains('a', key)",
        "key is 'a'",
        "key in key",
        "key in ()",
        "-key > 3",
        "1 ==",
        "",
        "(" * 3000,
        "key == 'a' and " * 400 + "True",
        "scores.motion > " + "9" * 4000,
        "scores.motion in (1, -" + "9" * 4000 + ")",
        "key == '\ud800'",
        "matches(key, '(')",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="--where"):
        Where(text).matches(ROWS)


def test_values_of_several_types_are_named() -> None:
    with pytest.raises(ShardError, match="other types"):
        Where("x > 1").matches([{"x": 1}, {"x": "one"}])
    with pytest.raises(ShardError, match="other types"):
        Where("x > 1").matches([{"x": {"y": 1}}])


def test_a_batch_in_which_no_sample_has_a_field_is_as_any_other() -> None:
    where = Where("contains(caption, 'logo') or source.licence in ('CC0',)")
    assert where.matches([{"key": "x"}, {"key": "y", "caption": None}]) == [False, False]
    assert where.matches(ROWS) == [True, False, False]


def test_values_that_no_arrow_type_holds_are_refused() -> None:
    for value in (1 << 70, "\ud800"):
        with pytest.raises(ShardError, match="other types"):
            Where("x == 1").matches([{"x": value}])


def test_a_mistyped_field_is_named() -> None:
    where = Where("scores.motoin > 1")
    where.matches(ROWS)
    with pytest.raises(ShardError, match=r"is 'scores\.motion' meant"):
        where.check_met(ROWS[0])
