"""A checkpoint is whole or recognisably not, and holds all that a run needs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.conftest import tiny_values
from training.checkpoint import MANIFEST, CheckpointFolder, NoWholeCheckpointError
from training.config import TrainConfig
from training.objectives.masked_pixels import MaskedPixels
from training.optimizer import build_optimizer
from training.randomness import Draw
from training.resume import config_hash, semantic_config
from training.state import (
    OPTIMIZER_FILE,
    Progress,
    SavedState,
    load_checkpoint,
    random_state,
    read_state,
    write_checkpoint,
)


def writer(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "a.txt").write_text(text)
        (folder / "b.bin").write_bytes(bytes(1000))

    return write


@pytest.fixture
def two(tmp_path: Path) -> CheckpointFolder:
    """A folder with checkpoints of steps 10 and 20."""
    checkpoints = CheckpointFolder(tmp_path, keep=3)
    checkpoints.save(10, writer("ten"))
    checkpoints.save(20, writer("twenty"))
    return checkpoints


def truncate(path: Path) -> None:
    (path / "b.bin").write_bytes(bytes(999))


def flip(path: Path) -> None:
    (path / "b.bin").write_bytes(bytes(999) + b"x")


def lose_file(path: Path) -> None:
    (path / "a.txt").unlink()


def lose_manifest(path: Path) -> None:
    (path / MANIFEST).unlink()


def tear_manifest(path: Path) -> None:
    (path / MANIFEST).write_bytes((path / MANIFEST).read_bytes()[:50])


def empty_manifest(path: Path) -> None:
    (path / MANIFEST).write_text("[]")


def name_a_file_elsewhere(path: Path) -> None:
    outside = path.parent / "outside"
    outside.write_bytes(b"")
    manifest = json.loads((path / MANIFEST).read_text())
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest["files"]["../outside"] = {"size_bytes": 0, "sha256": empty}
    (path / MANIFEST).write_text(json.dumps(manifest))


DAMAGE = {
    truncate: "b.bin has 999 bytes instead of 1000",
    flip: "sha256 of b.bin",
    lose_file: "a.txt is missing",
    lose_manifest: f"{MANIFEST} is missing",
    tear_manifest: f"{MANIFEST} cannot be read",
    empty_manifest: f"{MANIFEST} cannot be read",
    name_a_file_elsewhere: "../outside is missing",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_checkpoint_is_passed_over(two: CheckpointFolder, damage: Callable[[Path], None]) -> None:
    damage(two.path(20))
    search = two.newest()
    assert search.found is not None
    assert search.found.step == 10
    assert (search.found.path / "a.txt").read_text() == "ten"
    assert len(search.damaged) == 1
    assert str(two.path(20)) in search.damaged[0]
    assert DAMAGE[damage] in search.damaged[0]


def test_starting_over_is_refused_when_all_are_damaged(two: CheckpointFolder) -> None:
    flip(two.path(10))
    truncate(two.path(20))
    with pytest.raises(NoWholeCheckpointError, match=r"999 bytes.*sha256 of b.bin.*to start again"):
        two.newest()


def test_no_checkpoint_at_all_is_no_fault(tmp_path: Path) -> None:
    search = CheckpointFolder(tmp_path / "none", keep=1).newest()
    assert search.found is None
    assert search.damaged == ()


def test_a_write_that_fails_leaves_nothing_behind(two: CheckpointFolder, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        writer("thirty")(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        two.save(30, fail)
    assert sorted(os.listdir(tmp_path)) == ["step_00000010", "step_00000020"]


def test_what_a_killed_process_left_is_swept_and_never_found(two: CheckpointFolder, tmp_path: Path) -> None:
    left = tmp_path / ".step_00000030.abcd.tmp"
    left.mkdir()
    writer("thirty")(left)
    found = two.newest().found
    assert found is not None
    assert found.step == 20
    two.sweep()
    assert not left.exists()


def test_the_newest_are_kept_and_damaged_later_ones_dropped(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path, keep=2)
    for step in (10, 20, 30, 40):
        checkpoints.save(step, writer(str(step)))
    assert sorted(os.listdir(tmp_path)) == ["step_00000030", "step_00000040"]
    truncate(checkpoints.path(40))
    checkpoints.save(35, writer("35"))
    assert sorted(os.listdir(tmp_path)) == ["step_00000030", "step_00000035"]


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(two: CheckpointFolder) -> None:
    truncate(two.path(20))
    two.save(20, writer("again"))
    found = two.newest().found
    assert found is not None
    assert (found.path / "a.txt").read_text() == "again"


def test_weights_optimizer_and_random_state_come_back_bit_for_bit(tmp_path: Path) -> None:
    config = TrainConfig.model_validate(tiny_values("x"))
    draws = [Draw(0, 0, "a"), Draw(0, 0, "b")]

    def build(seed: int) -> tuple[MaskedPixels, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        model = MaskedPixels(config.objective, config.model)
        return model, build_optimizer(model, config.optimizer)

    def step(model: MaskedPixels, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        loss = model(torch.rand(2, 3, 4, 32, 32), draws)["pixels"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    model, optimizer = build(0)
    for _ in range(3):
        step(model, optimizer)
    state = SavedState(
        progress=Progress(step=3, samples=6, stream={"slot": 6}),
        config=semantic_config(config),
        config_hash=config_hash(config),
        dataset_version="v",
        num_threads=1,
        random=random_state("cpu"),
    )
    write_checkpoint(tmp_path, model, optimizer, state)
    expected = [step(model, optimizer) for _ in range(3)]

    assert read_state(tmp_path) == state
    other, other_optimizer = build(1)
    load_checkpoint(tmp_path, other, other_optimizer, "cpu")
    assert [step(other, other_optimizer) for _ in range(3)] == expected


def test_state_of_other_parameters_is_refused(tmp_path: Path) -> None:
    config = TrainConfig.model_validate(tiny_values("x"))
    model = MaskedPixels(config.objective, config.model)
    optimizer = build_optimizer(model, config.optimizer)
    model(torch.rand(1, 3, 4, 32, 32), [Draw(0, 0, "a")])["pixels"].backward()
    optimizer.step()
    state = SavedState(
        progress=Progress(step=1, samples=4, stream={}),
        config={},
        config_hash="",
        dataset_version="",
        num_threads=1,
        random=random_state("cpu"),
    )
    write_checkpoint(tmp_path, model, optimizer, state)
    larger = TrainConfig.model_validate(tiny_values("x", model={"depth": 3}))
    other = MaskedPixels(larger.objective, larger.model)
    with pytest.raises(RuntimeError, match=r"blocks\.2\.norm1\.weight"):
        load_checkpoint(tmp_path, other, build_optimizer(other, larger.optimizer), "cpu")

    tensors = load_file(tmp_path / OPTIMIZER_FILE)
    kept = {name: value for name, value in tensors.items() if "cls_token" not in name}
    save_file(kept, tmp_path / OPTIMIZER_FILE)
    with pytest.raises(RuntimeError, match=r"parameters are not the model's, e\.g\. encoder\.cls_token"):
        load_checkpoint(tmp_path, model, optimizer, "cpu")
