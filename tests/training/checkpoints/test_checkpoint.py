"""A checkpoint is whole or recognisably not, and holds all that a run needs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

from tests.training.checkpoints.checkpoint_parts import Alone, Model, Nothing, state_of
from tests.training.conftest import tiny_values
from training.checkpoints import folder as checkpoint_module
from training.checkpoints.config import CheckpointConfig
from training.checkpoints.folder import CheckpointFolder, NotSharedError, NoWholeCheckpointError
from training.checkpoints.manifest import MANIFEST
from training.checkpoints.resume import (
    ConfigChangedError,
    check_same_config,
    config_hash,
    semantic_config,
    what_bends,
)
from training.checkpoints.state import STATE_FILE, Setting, StateUnreadableError, read_state
from training.checkpoints.tensor_shards import TensorsDifferError
from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.engine import LoadInPlace
from training.errors import ToldElsewhereError
from training.together import fail_alike, together

Write = Callable[[Path], list[str]]
SHARD = "shard-00001-model-00001-of-00001.safetensors"


def writer(text: str) -> Write:
    def write(folder: Path) -> list[str]:
        (folder / "a.txt").write_text(text)
        (folder / "b.bin").write_bytes(bytes(1000))
        return ["a.txt", "b.bin"]

    return write


def folder_at(root: Path, **config: Any) -> CheckpointFolder:
    return CheckpointFolder(root, CheckpointConfig(**config), Alone(), note=lambda text: None)


@pytest.fixture
def two(tmp_path: Path) -> CheckpointFolder:
    """A folder with checkpoints of steps 10 and 20."""
    checkpoints = folder_at(tmp_path)
    checkpoints.commit(10, writer("ten"))
    checkpoints.commit(20, writer("twenty"))
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


def nest_manifest(path: Path) -> None:
    (path / MANIFEST).write_text("[" * 100_000)


def name_a_file_elsewhere(path: Path) -> None:
    outside = path.parent / "outside"
    outside.write_bytes(b"")
    manifest = json.loads((path / MANIFEST).read_text())
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest["files"]["../outside"] = {"size_bytes": 0, "sha256": empty}
    (path / MANIFEST).write_text(json.dumps(manifest))


def link_a_file(path: Path) -> None:
    (path / "b.bin").rename(path.parent / "elsewhere")
    (path / "b.bin").symlink_to(path.parent / "elsewhere")


def slip_in_tensors(path: Path) -> None:
    (path / "shard-00009-model-00001-of-00001.safetensors").write_bytes(b"")


def of_older_version(path: Path) -> None:
    (path / MANIFEST).write_text(json.dumps({"format": 1, "files": {}}))


DAMAGE: dict[Callable[[Path], None], str] = {
    truncate: "b.bin has 999 bytes instead of 1000",
    flip: "sha256 of b.bin",
    lose_file: "a.txt is missing",
    lose_manifest: f"{MANIFEST} is missing",
    tear_manifest: f"{MANIFEST} cannot be read",
    empty_manifest: f"{MANIFEST} cannot be read",
    nest_manifest: f"{MANIFEST} cannot be read",
    name_a_file_elsewhere: "names '../outside', which is no file of the folder",
    link_a_file: "b.bin is a link",
    slip_in_tensors: f"shard-00009-model-00001-of-00001.safetensors is not in {MANIFEST}",
    of_older_version: "format 1, but this version reads 2",
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
    search = folder_at(tmp_path / "none").newest()
    assert search.found is None
    assert search.damaged == ()


def test_a_write_that_fails_leaves_nothing_behind(two: CheckpointFolder, tmp_path: Path) -> None:
    def fail(folder: Path) -> list[str]:
        writer("thirty")(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        two.commit(30, fail)
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
    checkpoints = folder_at(tmp_path, keep=2)
    for step in (10, 20, 30, 40):
        checkpoints.commit(step, writer(str(step)))
    assert sorted(os.listdir(tmp_path)) == ["step_00000030", "step_00000040"]
    truncate(checkpoints.path(40))
    checkpoints.commit(35, writer("35"))
    assert sorted(os.listdir(tmp_path)) == ["step_00000030", "step_00000035"]


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(two: CheckpointFolder) -> None:
    truncate(two.path(20))
    two.commit(20, writer("again"))
    found = two.newest().found
    assert found is not None
    assert (found.path / "a.txt").read_text() == "again"


def test_a_node_that_does_not_see_the_folder_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "SEEN_WITHIN_S", 0.1)

    def write(folder: Path) -> list[str]:
        (folder / "a.txt").write_text("a")
        monkeypatch.setattr(Path, "exists", lambda path: path.name != "a.txt")
        return ["a.txt"]

    with pytest.raises(NotSharedError, match=r"does not see .*a\.txt.*file system that all nodes share"):
        folder_at(tmp_path).commit(10, write)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_due_by_steps_or_by_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    checkpoints = folder_at(tmp_path, every_steps=10, every_minutes=2)
    assert [step for step in range(1, 31) if checkpoints.due(step)] == [10, 20, 30]
    now_s += 119
    assert not checkpoints.due(31)
    now_s += 1
    assert checkpoints.due(31)
    model = Model()
    checkpoints.save(state_of(31), model.tensors())
    assert not checkpoints.due(32)
    assert checkpoints.due(40)
    assert not folder_at(tmp_path, every_steps=10).due(41)


def test_everything_comes_back_bit_for_bit_and_nothing_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    model.train_a_little()
    kept = {"ema/weight": torch.randn(3, 3)}
    checkpoints = folder_at(tmp_path)
    checkpoints.save(state_of(31), {**model.tensors(), **kept})
    assert sorted(os.listdir(checkpoints.path(31))) == [MANIFEST, SHARD, STATE_FILE]

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.loads", refuse)
    found = checkpoints.newest().found
    assert found is not None
    other, objective = Model(), Nothing({"ema/weight": torch.zeros(3, 3)})
    checkpoints.load(found, other, objective)
    assert other.step == 31
    for name, tensor in model.tensors().items():
        assert torch.equal(other.tensors()[name], tensor), name
    assert torch.equal(objective.tensors()["ema/weight"], kept["ema/weight"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Model(width=5),
            r"layer\.weight has shape \[4, 3\] in the checkpoint, \[5, 3\] here, and 5 more",
        ),
        (lambda: Model(extra=True), r"model/extra\.weight is not in the checkpoint"),
        (lambda: Model(dtype=torch.bfloat16), r"is torch\.float32 in the checkpoint, torch\.bfloat16 here"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_before_anything_changes(
    tmp_path: Path, make: Callable[[], Model], message: str
) -> None:
    checkpoints = folder_at(tmp_path)
    checkpoints.save(state_of(1), Model().tensors())
    found = checkpoints.newest().found
    assert found is not None
    other = make()
    before = {name: tensor.clone() for name, tensor in other.tensors().items()}
    with pytest.raises(TensorsDifferError, match=message):
        checkpoints.load(found, other, Nothing())
    for name, tensor in other.tensors().items():
        assert torch.equal(tensor, before[name])


def test_a_checkpoint_of_a_deeper_model_is_refused(tmp_path: Path) -> None:
    checkpoints = folder_at(tmp_path)
    checkpoints.save(state_of(1), Model(extra=True).tensors())
    found = checkpoints.newest().found
    assert found is not None
    with pytest.raises(TensorsDifferError, match=r"extra\.bias is in the checkpoint, but nowhere here"):
        checkpoints.load(found, Model(), Nothing())


def test_headers_are_read_once_however_often_tensors_are_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = folder_at(tmp_path)
    checkpoints.save(state_of(1), Model().tensors())
    read, reads = HuggingFaceStorageReader.read_metadata, 0

    def counted(reader: HuggingFaceStorageReader) -> Any:
        nonlocal reads
        reads += 1
        return read(reader)

    monkeypatch.setattr(HuggingFaceStorageReader, "read_metadata", counted)
    found = checkpoints.newest().found
    assert found is not None
    other = Model()

    def one_by_one(load: LoadInPlace, step: int) -> None:
        for name, tensor in other.tensors().items():
            load({name: tensor})

    monkeypatch.setattr(other, "restore", one_by_one)
    checkpoints.load(found, other, Nothing())
    assert reads == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "Invalid JSON"),
        (b"[" * 10_000, "Invalid JSON"),
        (b"{}", "progress: Field required"),
        (b'{"progress": {"step": "1", "samples": 0, "stream": null}}', "progress.step: Input should be"),
    ],
)
def test_a_state_of_another_form_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(StateUnreadableError, match=message):
        read_state(tmp_path)


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    checkpoints = folder_at(tmp_path)
    state = state_of(3)
    checkpoints.save(state, Model().tensors())
    assert read_state(checkpoints.path(3)) == state


def test_another_engine_goes_on_and_another_precision_does_not() -> None:
    def config(**engine: str) -> TrainConfig:
        return TrainConfig.model_validate(tiny_values("shards", engine=engine))

    before = config(kind="ddp")
    saved = replace(state_of(3), config=semantic_config(before))
    other = config(kind="fsdp2")
    check_same_config(saved, other, Path("out"))
    assert config_hash(other) == config_hash(before)
    with pytest.raises(ConfigChangedError, match=r'engine\.precision = "fp32" in the checkpoint, "bf16" now'):
        check_same_config(saved, config(kind="ddp", precision="bf16"), Path("out"))


def test_what_changes_the_last_bits_is_told() -> None:
    setting = state_of(1).setting
    assert what_bends(setting, setting) is None
    told = what_bends(setting, replace(setting, world_size=4, engine="fsdp2"))
    assert told is not None
    assert "engine ddp (now fsdp2), world_size 1 (now 4)" in told


def test_the_setting_has_what_really_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def setting(**changes: Any) -> Setting:
        config = TrainConfig.model_validate(tiny_values("shards", **changes))
        return Setting.of(config, Alone(), BatchArithmetic(4, 1, 2))

    now = setting()
    assert (now.engine, now.world_size, now.micro_batch_size, now.attention) == ("ddp", 1, 2, "sdpa")
    assert setting(engine={"kind": "ddp", "compile": True}).engine == "ddp compiled"
    low = {"engine": {"kind": "ddp", "precision": "bf16"}, "device": "cuda"}
    monkeypatch.setattr("training.models.attention._FLASH", object())
    assert setting(**low).attention == "flash"
    assert setting(device="cuda").attention == setting(**low, model={"attention": "sdpa"}).attention == "sdpa"


def test_what_all_have_found_is_said_by_the_first() -> None:
    class Second(Alone):
        rank, world_size = 1, 2

    with pytest.raises(NoWholeCheckpointError):
        fail_alike(Alone(), NoWholeCheckpointError("none"))
    with pytest.raises(ToldElsewhereError, match="All 2 processes failed: NoWholeCheckpointError: "):
        fail_alike(Second(), NoWholeCheckpointError("none"))


def test_a_failure_elsewhere_is_named() -> None:
    class Two(Alone):
        world_size = 2

        def gather(self, value: Any) -> list[Any]:
            return [value, "OSError: disk full"]

    with pytest.raises(ValueError, match="Process 1 of 2 failed: OSError: disk full"):
        together(Two(), lambda: None)
