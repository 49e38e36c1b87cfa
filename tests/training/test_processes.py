"""Several processes train the model that one would train, and go on as others did."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.training.conftest import tiny_values
from tests.training.fleet import Fleet, trained
from training.config import TrainConfig
from training.run import train

STEPS = 20
SIGTERM_S = 30

pytestmark = pytest.mark.slow


def values_of(shards: str, **changes: object) -> dict[str, object]:
    """A run of 20 steps whose dropped paths take chances too."""
    model = {"drop_path": 0.2}
    return tiny_values(shards, steps=STEPS, checkpoint={"every_steps": 6}, model=model, **changes)


def losses(output: str) -> list[tuple[int, float, float]]:
    lines = (Path(output) / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row["loss"], row["grad_norm"]) for row in map(json.loads, lines)]


@pytest.fixture(scope="module")
def by_two(shards: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, float, float]]:
    output = str(tmp_path_factory.mktemp("by_two") / "out")
    trained(values_of(shards), output, 2)
    assert [row[0] for row in losses(output)] == list(range(1, STEPS + 1))
    return losses(output)


@pytest.fixture(scope="module")
def by_one(shards: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, float, float]]:
    """Without dropped paths, which depend on the number of processes."""
    output = str(tmp_path_factory.mktemp("by_one") / "out")
    train(TrainConfig.model_validate(tiny_values(shards, steps=STEPS)), output=output)
    return losses(output)


def test_killed_and_continued_by_as_many_it_gives_the_same_losses_bit_for_bit(
    shards: str, tmp_path: Path, by_two: list[tuple[int, float, float]]
) -> None:
    output = str(tmp_path / "out")
    fleet = Fleet(values_of(shards), output, 2)
    fleet.wait_for_step(9)
    fleet.signal(signal.SIGKILL)
    fleet.end()
    assert losses(output)[-1][0] < STEPS
    ended = trained(values_of(shards), output, 2)
    assert "Continuing after step 6 of 20." in ended[0][1]
    assert losses(output) == by_two


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_another_number_of_processes_goes_on_and_trains_what_one_does(
    shards: str, tmp_path: Path, by_one: list[tuple[int, float, float]], first: int, then: int
) -> None:
    values = tiny_values(shards, steps=STEPS, checkpoint={"every_steps": 6})
    output = str(tmp_path / "out")
    fleet = Fleet(values, output, first)
    fleet.wait_for_step(9)
    fleet.signal(signal.SIGKILL)
    fleet.end()
    trained(values, output, then)
    for continued, one in zip(losses(output), by_one, strict=True):
        assert continued == pytest.approx(one, rel=1e-4)


def test_sigterm_saves_and_ends_all_of_them(
    shards: str, tmp_path: Path, by_two: list[tuple[int, float, float]]
) -> None:
    output = str(tmp_path / "out")
    fleet = Fleet(values_of(shards), output, 2)
    fleet.wait_for_step(8)
    since = time.monotonic()
    fleet.signal(signal.SIGTERM)
    ended = fleet.end()
    assert time.monotonic() - since < SIGTERM_S
    assert all(out.strip().endswith("interrupted") for _, out, _ in ended)
    stopped_at = losses(output)[-1][0]
    assert 8 <= stopped_at < STEPS
    assert (Path(output) / "checkpoints" / f"step_{stopped_at:08d}").is_dir()
    trained(values_of(shards), output, 2)
    assert losses(output) == by_two


def test_what_is_wrong_is_said_once(shards: str, tmp_path: Path) -> None:
    values = tiny_values(shards, batch_size=5)
    ended = Fleet(values, str(tmp_path / "out"), 2).end()
    assert all(status for status, _, _ in ended)
    told = [err for _, _, err in ended if "ToldElsewhereError" not in err]
    assert len(told) == 1
    assert "batch_size = 5" in told[0]
    assert "2 processes" in told[0]
