"""The planted set: well formed, and the development half judged as well as docs/fusion.md says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fusion_support import judge, measure
from captioning.fusion.checks import DEFAULT_THRESHOLD

HALVES = {
    "dev": Path(__file__).parent / "planted_dev.jsonl",
    "test": Path(__file__).parent / "planted_test.jsonl",
}
NAMES = {"V": "video", "A": "audio", "S": "speech"}


def clips(half: str) -> list[dict[str, Any]]:
    if not HALVES[half].exists():
        pytest.skip(f"{HALVES[half].name} is not there: it is written apart and opened once")
    return [json.loads(line) for line in HALVES[half].read_text("utf-8").splitlines()]


@pytest.mark.parametrize("half", ["dev", "test"])
def test_the_halves_are_well_formed(half: str) -> None:
    claims = 0
    for clip in clips(half):
        for claim in clip["claims"]:
            claims += 1
            assert isinstance(claim["supported"], bool), claim
            assert claim["text"].strip(), claim
            assert claim["kind"], claim
            assert claim["cites"], claim
            for cite in claim["cites"]:
                assert 1 <= int(cite[1:]) <= len(clip[NAMES[cite[0]]]), claim
    assert claims >= 100


def test_the_development_half_has_as_many_honest_claims_as_planted_ones() -> None:
    claims = [claim for clip in clips("dev") for claim in clip["claims"]]
    assert len(claims) >= 200
    assert len(clips("dev")) >= 60
    assert sum(claim["supported"] for claim in claims) >= len(claims) / 2


def test_the_development_half_is_judged_well() -> None:
    figures = measure(judge(clips("dev")), DEFAULT_THRESHOLD)
    assert figures["recall"] >= 0.9
    assert figures["false_alarm_rate"] <= 0.08
    assert figures["auroc"] >= 0.95
