"""The learning benchmark trains with the trainer, probes what it left, and says by how much it leads."""

# ruff: noqa: N806 (shape suffixes)

from __future__ import annotations

import json
import math

import pytest
import torch

from benchmarks import learning, learning_probe
from benchmarks.learning import DISTILLED, PIXELS, UNTRAINED, Row, SeedResult, Sizes, leads, report
from benchmarks.learning_probe import ProbeBudget, effective_rank, train_probe
from benchmarks.learning_runs import untrained_encoder
from benchmarks.motion_clips import make_clips

TINY = Sizes(clips=32, labelled=8, held_out=8, taught=8, pixel_steps=6, teacher_steps=2, distillation_steps=6)


def test_a_seed_gives_three_encoders_of_different_weights() -> None:
    result = learning.run_seed(100, TINY, ProbeBudget(epochs=1, rates=(1e-3,)))
    assert [row.encoder for row in result.rows] == [UNTRAINED, PIXELS, DISTILLED]
    assert len({row.effective_rank for row in result.rows}) == 3
    assert all(0 <= row.accuracy <= 1 for row in result.rows)
    assert 0 <= result.taught_shuffled <= 1


def test_a_probe_learns_what_features_say() -> None:
    labels_N = torch.arange(64) % 4
    x_NLD = torch.zeros(64, 3, 16)
    x_NLD[torch.arange(64), 1, labels_N] = 5.0
    trained = train_probe(x_NLD, labels_N, 1e-2, seed=0, epochs=30)
    assert learning_probe._accuracy(trained, x_NLD, labels_N) == 1
    again = train_probe(x_NLD, labels_N, 1e-2, seed=0, epochs=30)
    assert torch.equal(trained.head.weight, again.head.weight)


def test_effective_rank_counts_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of mean 0 and with equal singular values in 4 of 8 directions.
    directions = torch.cat([torch.eye(8)[:4], -torch.eye(8)[:4]])
    monkeypatch.setattr(learning_probe, "features", lambda encoder, video: directions[:, None])
    assert math.isclose(effective_rank(untrained_encoder(0), make_clips(0, 4)), 4, rel_tol=1e-6)


def _result(seed: int, untrained: float, pixels: float, distilled: float) -> SeedResult:
    rows = tuple(
        Row(encoder=name, seed=seed, accuracy=value, shuffled=0.25, effective_rank=9.0, rate=1e-3, train_s=1)
        for name, value in ((UNTRAINED, untrained), (PIXELS, pixels), (DISTILLED, distilled))
    )
    return SeedResult(rows=rows, taught_shuffled=0.25)


def test_a_lead_is_taken_seed_by_seed(capsys: pytest.CaptureFixture[str]) -> None:
    results = [_result(1, 0.70, 0.82, 0.95), _result(2, 0.75, 0.82, 0.95)]
    assert leads(results, PIXELS) == [0.12, 0.07]
    report(results, TINY, 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert "pixels: +7.0 points or more with each seed (target +10: missed)" in lines
    assert "distilled: +20.0 points or more with each seed (target +10: met)" in lines
    assert json.loads(lines[-1])["leads"] == {PIXELS: [0.12, 0.07], DISTILLED: [0.25, 0.2]}
