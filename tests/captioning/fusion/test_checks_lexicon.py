"""The vendored WordNet and the hand-made lists."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from captioning.fusion.checks import checks_fingerprints
from captioning.fusion.lexicon import wordlists
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.likeness import likeness, opposed
from captioning.fusion.lexicon.relatedness import relatedness
from captioning.fusion.lexicon.wordnet import FOLDER, Pos, wordnet


def test_files_are_those_that_the_script_made() -> None:
    listed = dict(line.split()[::-1] for line in (FOLDER / "wordnet.sha256").read_text().splitlines())
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.arrow"))
    for name, digest in listed.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_licence_stands_beside_the_data() -> None:
    assert "Princeton" in (FOLDER / "WORDNET-LICENSE.txt").read_text()


def test_size_on_disk() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.arrow")) < 5_000_000


def test_loading_is_lazy() -> None:
    code = (
        "import captioning.fusion.checks as c\n"
        "from captioning.fusion.lexicon import wordnet as w\n"
        "assert w.wordnet.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[3])


@pytest.mark.parametrize(
    ("form", "pos", "expected"),
    [
        ("geese", "n", "goose"),
        ("knives", "n", "knife"),
        ("dresses", "n", "dress"),
        ("swam", "v", "swim"),
        ("hopping", "v", "hop"),
        ("hoping", "v", "hope"),
        ("carries", "v", "carry"),
        ("happier", "a", "happy"),
        ("qwrtz", "n", None),
    ],
)
def test_lemmas(form: str, pos: Pos, expected: str | None) -> None:
    assert lemma(form, pos) == expected


@pytest.mark.parametrize(
    ("claim", "claim_pos", "source", "source_pos"),
    [
        ("animal", "n", "goat", "n"),
        ("vehicle", "n", "scooter", "n"),
        ("automobile", "n", "car", "n"),
        ("performance", "n", "perform", "v"),
        ("happily", "r", "happy", "a"),
        ("red", "a", "scarlet", "a"),
        ("grey", "a", "gray", "a"),
        ("woman", "n", "she", "n"),
    ],
)
def test_support(claim: str, claim_pos: Pos, source: str, source_pos: Pos) -> None:
    assert likeness(claim, claim_pos, source, source_pos) >= 0.9


@pytest.mark.parametrize(
    ("claim", "source", "pos"),
    [("goat", "animal", "n"), ("violin", "guitar", "n"), ("red", "green", "a"), ("brother", "man", "n")],
)
def test_no_support(claim: str, source: str, pos: Pos) -> None:
    assert likeness(claim, pos, source, pos) < 0.4


def test_definitions_bring_like_things_near() -> None:
    assert relatedness("corkscrew", "n", "bottle", "n") > relatedness("corkscrew", "n", "meadow", "n")
    assert relatedness("kayak", "n", "canoe", "n") > 0.5
    assert relatedness("violin", "n", "carrot", "n") < 0.1
    assert relatedness("qwrtz", "n", "boot", "n") == 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [("open", "closed"), ("left", "right"), ("sit", "stand"), ("loudly", "quietly"), ("man", "woman")],
)
def test_opposites_run_both_ways(one: str, other: str) -> None:
    assert opposed(one, other)
    assert opposed(other, one)


def test_lists_hold_lower_case_words() -> None:
    for path in sorted(wordlists.FOLDER.glob("*.txt")):
        text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        assert text == text.lower(), path.name


def test_names_of_people_and_places() -> None:
    assert wordnet().is_name("paris")
    assert not wordnet().is_name("table")


def test_fingerprints_cover_data_lists_and_rules() -> None:
    found = checks_fingerprints()
    assert set(found) == {"wordnet", "words", "rules"}
    assert all(len(digest) == 64 for digest in found.values())
