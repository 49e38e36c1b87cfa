"""Prompts are files; what is filled in is data and is not looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from captioning.prompts import load_prompt


def test_a_value_is_never_looked_into(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Frames: $frames in $duration s.\n")
    prompt = load_prompt(str(file))
    assert prompt.filled(frames="$duration $$ ${x}", duration="3.0") == "Frames: $duration $$ ${x} in 3.0 s."


def test_prompts_of_the_package_can_be_filled() -> None:
    load_prompt("video.v1").filled(duration="3.0")
    load_prompt("audio.v1").filled(duration="3.0")
    load_prompt("frame.v1").filled()
    load_prompt("summary.v1").filled(duration="3.0", frames="x")
    load_prompt("fuse.v1").filled(duration="3.0", claims="6")
    load_prompt("repair.v1").filled(problems="x")
    load_prompt("entail.v1").filled(lines="x", claim="y")


def test_an_unknown_placeholder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Say $what.")
    with pytest.raises(ValueError, match=r"what.*\$duration"):
        load_prompt(str(file)).filled(duration="3.0")


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
