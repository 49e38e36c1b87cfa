"""Checkpoints of our own runs are read like released ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.checkpoints.test_export import DISTILL, saved
from training.released.architecture import Hints
from training.released.convert import convert
from training.released.errors import CheckpointFileError
from training.released.inspection import inspect_checkpoint
from training.released.load import load_into, load_model


@pytest.mark.parametrize("objective", [None, DISTILL], ids=["pixels", "distill"])
def test_a_checkpoint_and_its_output_folder(tmp_path: Path, objective: dict[str, object] | None) -> None:
    step, model = saved(tmp_path / "run" / "checkpoints", objective)
    trained = getattr(model, "encoder", model).state_dict()
    for source in (step, tmp_path / "run"):
        found = inspect_checkpoint(source, Hints())
        assert found.identity.loads
        assert found.wrapping.beside == {"step": 3}
        out = tmp_path / f"{source.name}-out"
        convert(source, out, Hints())
        for name, tensor in load_model(out).state_dict().items():
            assert torch.equal(tensor, trained[name])


def test_a_run_starts_from_another_ones_output(tmp_path: Path) -> None:
    saved(tmp_path / "run" / "checkpoints", DISTILL)
    _, model = saved(tmp_path / "other" / "checkpoints", None)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    loaded = load_into(model, tmp_path / "run")
    assert loaded.new == ()
    assert any(tensor.any() for tensor in model.state_dict().values())


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    step, _ = saved(tmp_path, None)
    shard = next(step.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointFileError, match=shard.name):
        inspect_checkpoint(step, Hints())
