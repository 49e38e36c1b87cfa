"""Clips that the captions' gates turn down, and those that others are better than."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Reason

Verdict = tuple[Reason, str]


class BestConfig(Config):
    """Only the best clips by one score, as InternVideo2 kept those whose captions fit best (arXiv 2403.15377,
    appendix B.2)."""

    by: str = Field(
        "similarity",
        min_length=1,
        description="Score of captioning.gates to rank by: similarity, support_rate, coverage or words",
    )
    count: int = Field(..., ge=1, description="Clips to keep; those with equal scores go by their ids")


def failing(gates: pa.Table) -> dict[str, Verdict]:
    """Why clips that do not pass a gate are not packed, by id."""
    rows = gates.select(["clip_id", "scores", "failed"]).to_pylist()
    return {row["clip_id"]: _failed(row) for row in rows if row["failed"]}


def not_chosen(gates: pa.Table, best: BestConfig, others: Collection[str]) -> dict[str, Verdict]:
    """Why clips that others are better than are not packed, by id. `others` are left out anyway.

    Raises:
        ValueError: clips have no score of the name to rank by.
    """
    rows: list[dict[str, Any]] = gates.select(["clip_id", "scores"]).to_pylist()
    left = [row for row in rows if row["clip_id"] not in others]
    ranked = sorted(left, key=lambda row: (-_score(row, best.by), row["clip_id"]))
    found = {}
    for place, row in enumerate(ranked[best.count :], start=best.count + 1):
        detail = f"by {best.by} ({_score(row, best.by):g}) it is number {place}, and {best.count} are kept"
        found[row["clip_id"]] = (Reason.NOT_CHOSEN, detail)
    return found


def _failed(row: dict[str, Any]) -> Verdict:
    scores = {each["filter"]: each["value"] for each in row["scores"]}
    said = ", ".join(f"{name} = {scores[name]:g}" for name in row["failed"])
    return Reason.FILTERED, f"its fused caption is outside of the thresholds in captioning.gates: {said}"


def _score(row: dict[str, Any], name: str) -> float:
    for each in row["scores"]:
        if each["filter"] == name:
            return float(each["value"])
    there = ", ".join(each["filter"] for each in row["scores"])
    raise ValueError(
        f"shards.select.best.by = {name}, but clip {row['clip_id']} has no such score; there are: {there}. "
        "Configure that gate (captioning.gates), or rank by another"
    )
