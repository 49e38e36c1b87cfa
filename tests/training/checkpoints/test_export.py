"""The model of a checkpoint stands on its own, without the run, the optimizer or the processes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.checkpoints.checkpoint_parts import Alone, state_of
from tests.training.conftest import tiny_values
from training.checkpoints.config import CheckpointConfig
from training.checkpoints.export import describe_model, export, is_training_checkpoint, read_model
from training.checkpoints.folder import CheckpointFolder
from training.checkpoints.manifest import MANIFEST, describe, write_manifest
from training.checkpoints.state import STATE_FILE
from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.ranks import Ranks
from training.models.encoder import VideoEncoder
from training.models.student import Student
from training.objectives.build import build_objective
from training.released.load import load_model

DISTILL = {"kind": "distill", "teacher": {"kind": "ema", "layers": 2}, "mask": {"kind": "random"}}


def saved(root: Path, objective: dict[str, Any] | None) -> tuple[Path, torch.nn.Module]:
    """A checkpoint of a tiny run, and the model in it."""
    values = tiny_values("shards")
    if objective is not None:
        values["objective"] = objective
    config = TrainConfig.model_validate(values)
    torch.manual_seed(0)
    device = torch.device("cpu")
    made = build_objective(config.objective, config.model, config.data.augmentation, device)
    ranks = Ranks(rank=0, world_size=1, device=device, store=None)
    arithmetic = BatchArithmetic(batch_size=4, world_size=1, micro_batch_size=None)
    engine = build_engine(config.engine, config.optimizer, made.model, ranks, arithmetic)
    checkpoints = CheckpointFolder(root, CheckpointConfig(), Alone(), note=print)
    state = replace(state_of(3), model=describe_model(config))
    return checkpoints.save(state, {**engine.tensors(), **made.tensors()}), made.model


@pytest.fixture
def video() -> torch.Tensor:
    return torch.rand(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


def test_of_masked_pixels_the_encoder_is_exported(tmp_path: Path, video: torch.Tensor) -> None:
    folder, model = saved(tmp_path / "checkpoints", None)
    export(folder, tmp_path / "exported")
    assert sorted(path.name for path in (tmp_path / "exported").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    loaded = load_model(tmp_path / "exported")
    assert type(loaded) is VideoEncoder
    encoder = model.get_submodule("encoder").eval()
    assert torch.equal(loaded(video).tokens_BLD, encoder(video).tokens_BLD)


def test_of_distillation_the_student_is_exported_with_its_heads(tmp_path: Path, video: torch.Tensor) -> None:
    folder, model = saved(tmp_path / "checkpoints", DISTILL)
    export(folder, tmp_path / "exported")
    loaded = load_model(tmp_path / "exported")
    assert type(loaded) is Student
    model.eval()
    assert torch.equal(loaded(video).middle_KBLD, model(video).middle_KBLD)
    assert loaded.state_dict().keys() == model.state_dict().keys()


def test_what_is_read_has_neither_optimizer_nor_teacher(tmp_path: Path) -> None:
    folder, model = saved(tmp_path, DISTILL)
    tensors, description = read_model(folder)
    assert description.kind == "student"
    assert tensors.keys() == dict(model.named_parameters()).keys()


def test_a_damaged_checkpoint_is_not_exported(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path / "checkpoints", None)
    (shard,) = folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1] + b"\1")
    with pytest.raises(ValueError, match=r"sha256 of shard-.* differs from the manifest"):
        export(folder, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize("model", [{}, {"prefix": "", "description": {"kind": "llm"}}, {"prefix": ""}])
def test_a_checkpoint_that_does_not_say_what_its_model_is_is_refused(
    tmp_path: Path, model: dict[str, Any]
) -> None:
    folder, _ = saved(tmp_path / "checkpoints", None)
    state = json.loads((folder / STATE_FILE).read_text()) | {"model": model}
    (folder / STATE_FILE).write_text(json.dumps(state))
    names = [path.name for path in folder.iterdir() if path.name != MANIFEST]
    write_manifest(folder, describe(folder, names))
    with pytest.raises(ValueError, match="does not describe one that this version can build"):
        export(folder, tmp_path / "exported")


def test_how_a_run_computes_is_not_what_its_model_is() -> None:
    values = tiny_values("shards") | {"objective": DISTILL}
    values["model"] = values["model"] | {"attention": "flash", "checkpointed_blocks": 1}
    for objective in (DISTILL, {"kind": "pixels"}):
        said = describe_model(TrainConfig.model_validate(values | {"objective": objective}))
        encoder = said["description"]["encoder"]
        assert (encoder["attention"], encoder["checkpointed_blocks"]) == ("auto", 0)


def test_other_folders_are_no_training_checkpoints(tmp_path: Path) -> None:
    assert not is_training_checkpoint(tmp_path)
    (tmp_path / STATE_FILE).touch()
    assert is_training_checkpoint(tmp_path)
