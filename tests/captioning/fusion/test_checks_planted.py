"""The planted sets: well formed, and those for development judged as well as docs/fusion.md says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fusion_support import judge, measure
from captioning.fusion.checks import DEFAULT_THRESHOLD

HALVES = {
    "dev": Path(__file__).parent / "planted_dev.jsonl",
    "dev_a": Path(__file__).parent / "planted_dev_a.jsonl",
    "dev_b": Path(__file__).parent / "planted_dev_b.jsonl",
    "test": Path(__file__).parent / "planted_test.jsonl",
}
NAMES = {"V": "video", "A": "audio", "S": "speech"}


def clips(half: str) -> list[dict[str, Any]]:
    if not HALVES[half].exists():
        pytest.skip(f"{HALVES[half].name} is not there: it is written apart and opened once")
    return [json.loads(line) for line in HALVES[half].read_text("utf-8").splitlines()]


@pytest.mark.parametrize("half", ["dev", "dev_a", "dev_b", "test"])
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


@pytest.mark.parametrize(
    ("half", "recall", "false_alarm_rate", "auroc"),
    [("dev", 0.9, 0.05, 0.95), ("dev_a", 0.79, 0.07, 0.92), ("dev_b", 0.84, 0.14, 0.89)],
)
def test_the_development_sets_are_judged_as_documented(
    half: str, recall: float, false_alarm_rate: float, auroc: float
) -> None:
    figures = measure(judge(clips(half)), DEFAULT_THRESHOLD)
    assert figures["recall"] >= recall
    assert figures["false_alarm_rate"] <= false_alarm_rate
    assert figures["auroc"] >= auroc
