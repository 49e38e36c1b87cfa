"""The detector's weights can be made again: a few minutes of training must raise the score."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from curation.detect.learning.building import build_pool
from curation.detect.learning.fit import FitConfig, Progress, fit
from curation.detect.learning.pool import ShotPool
from curation.detect.learning.scores import score
from curation.detect.models.loom import Loom

TRAINING_S = 120.0
LEAST_RISE = 0.2


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pools")
    for name, scenes, seed in (("train", 160, 1), ("held_out", 40, 2)):
        build_pool(folder / name, scenes=scenes, footage=[], pictures=[], seed=seed, processes=2)
    return folder / "train", folder / "held_out"


@pytest.mark.slow
def test_a_few_minutes_of_training_raise_the_score(pools: tuple[Path, Path]) -> None:
    train, held_out = pools
    pool = ShotPool.open(held_out)
    scores: list[float] = []
    losses: list[float] = []

    def report(progress: Progress, model: Loom) -> None:
        losses.append(progress.loss)
        print(f"step {progress.step}: loss {progress.loss:.4f}, {progress.windows_per_s:.1f} windows/s")
        if progress.step == 10:
            scores.append(score(model, pool, videos=10).tally.f1)

    torch.set_num_threads(2)
    model = fit(train, FitConfig(max_s=TRAINING_S, seed=3), report, every_steps=10)
    trained = score(model, pool, videos=30)
    first, last = scores[0], trained.tally.f1
    print(f"F1 {first:.3f} after 10 steps, {last:.3f} at the end, {trained.tally}")
    assert losses[-1] < losses[0] * 0.8
    assert last >= first + LEAST_RISE
