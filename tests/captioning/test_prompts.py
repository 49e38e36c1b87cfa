"""Prompts are files; what is filled in is data and is not looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from captioning.prompts import load_prompt


def test_a_value_is_never_looked_into(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Frames: $frames in $duration s.\n")
    prompt = load_prompt(str(file), "frames", "duration")
    assert prompt.filled(frames="$duration $$ ${x}", duration="3.0") == "Frames: $duration $$ ${x} in 3.0 s."


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("video.v1", {"duration": "3.0"}),
        ("audio.v1", {"duration": "3.0"}),
        ("frame.v1", {}),
        ("summary.v1", {"duration": "3.0", "frames": "x"}),
        ("fuse.v1", {"duration": "3.0", "claims": "6"}),
        ("repair.v1", {"problems": "x"}),
        ("entail.v1", {"lines": "x", "claim": "y"}),
    ],
)
def test_prompts_of_the_package_are_filled_whole(name: str, values: dict[str, str]) -> None:
    text = load_prompt(name, *values).filled(**values)
    assert "$" not in text
    assert all(value in text for value in values.values())


def test_an_unknown_placeholder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Say $what.")
    with pytest.raises(ValueError, match=r"what.*\$duration"):
        load_prompt(str(file), "duration")


@pytest.mark.parametrize("name", ["video.v99", "../no/such.txt", "/nowhere/at/all.txt"])
def test_a_prompt_that_is_not_there_is_named_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"audio\.v1"):
        load_prompt(name)


def test_an_empty_prompt_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.txt"
    file.write_text(" \n")
    with pytest.raises(ValueError, match="empty"):
        load_prompt(str(file))


def test_another_text_is_another_hash(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("Describe.")
    two.write_text("Describe!")
    assert load_prompt(str(one)).sha256 != load_prompt(str(two)).sha256
