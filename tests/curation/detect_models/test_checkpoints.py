"""Weights from files as they are found in the wild, and files that are something else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from curation.detect.models.checkpoints import ModelKind, load_model
from tests.curation.detect_models import weights

KINDS: tuple[ModelKind, ...] = ("transnetv2", "autoshot")


def saved(folder: Path, content: object) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path)
    return path


def head(kind: ModelKind, path: Path) -> torch.Tensor:
    module = load_model(kind, path).module
    return next(value for key, value in module.state_dict().items() if key.startswith("cls_layer1"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"net": state, "epoch": 200},
        lambda state: {"state_dict": {"model": state}},
        lambda state: {"net": {f"module.{key}": value for key, value in state.items()}},
    ],
    ids=["bare", "net", "nested", "parallel"],
)
def test_wrapped_weights_are_found(kind: ModelKind, wrap: Callable[[Any], Any], tmp_path: Path) -> None:
    state = weights.state(kind)
    path = saved(tmp_path, wrap(state))
    loaded = load_model(kind, path)
    ours = loaded.module.state_dict()
    assert all(torch.equal(ours[key], state[key]) for key in ours)
    assert state.keys() - ours.keys() == (set(weights.DEAD) if kind == "autoshot" else set())
    assert not loaded.module.training
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_in_half_precision_without_what_is_not_read(tmp_path: Path) -> None:
    state = {
        key: value.half()
        for key, value in weights.state("autoshot").items()
        if key not in weights.DEAD and not key.endswith("num_batches_tracked")
    }
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, path)
    module = load_model("autoshot", path).module
    assert {value.dtype for value in module.parameters()} == {torch.float32}
    one_hot, _ = module(torch.zeros(1, 2, 27, 48, 3, dtype=torch.uint8))
    assert one_hot.isfinite().all()


@pytest.mark.parametrize(("kind", "other"), [KINDS, KINDS[::-1]])
def test_weights_of_the_other_network_are_named(kind: ModelKind, other: ModelKind, tmp_path: Path) -> None:
    path = saved(tmp_path, weights.state(other))
    with pytest.raises(ValueError, match=f"weights.pth: weights of .*, not of .*kind: {other}"):
        load_model(kind, path)


def test_every_difference_is_told(tmp_path: Path) -> None:
    state = weights.state("transnetv2")
    del state["fc1.bias"]
    state["extra.weight"] = torch.zeros(1)
    state["fc1.weight"] = torch.zeros(1024, 5888)
    state["cls_layer1.bias"] = torch.full((1,), float("nan"))
    state["cls_layer2.bias"] = torch.zeros(1, dtype=torch.int8)
    with pytest.raises(ValueError, match=r"weights.pth: no weights of TransNetV2") as caught:
        load_model("transnetv2", saved(tmp_path, state))
    message = str(caught.value)
    assert "1 missing: fc1.bias" in message
    assert "1 unexpected: extra.weight" in message
    assert "fc1.weight [1024, 5888], not [1024, 4864]" in message
    assert "2 not finite floating-point numbers: cls_layer1.bias, cls_layer2.bias" in message


def test_a_list_of_keys_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing: .* and \d\d more; 1 unexpected: stem.weight"):
        load_model("autoshot", saved(tmp_path, {"stem.weight": torch.zeros(3)}))


def test_an_lfs_pointer_is_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:b8c9dc3e\nsize 30516656\n")
    with pytest.raises(ValueError, match=r"weights.pth: a Git LFS pointer.*git lfs pull"):
        load_model("transnetv2", path)


class Intruder:
    """Leaves a trace when unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path) -> None:
    path = saved(tmp_path, {"net": weights.state("transnetv2"), "extra": Intruder(tmp_path / "trace")})
    with pytest.raises(ValueError, match=r"weights.pth: not a checkpoint of nothing but tensors"):
        load_model("transnetv2", path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"PK\x03\x04 and no more", b"<!DOCTYPE html><html>"])
def test_other_bytes_are_no_checkpoint(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"weights{suffix}: not a "):
        load_model("transnetv2", path)


def test_a_download_that_broke_off_is_no_checkpoint(tmp_path: Path) -> None:
    path = saved(tmp_path, weights.state("transnetv2"))
    os.truncate(path, 1_000_000)
    with pytest.raises(ValueError, match=r"weights.pth: not a "):
        load_model("transnetv2", path)


@pytest.mark.parametrize("content", [{}, [], 7, {"net": {}}, {"epoch": 3}])
def test_a_file_without_a_state_dict_is_told(content: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"weights.pth: no state dict"):
        load_model("transnetv2", saved(tmp_path, content))


def test_other_formats_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"weights.onnx: no such file"):
        load_model("transnetv2", tmp_path / "weights.onnx")
    (tmp_path / "weights.onnx").write_bytes(b"any")
    with pytest.raises(ValueError, match=r"not from '\.onnx'"):
        load_model("transnetv2", tmp_path / "weights.onnx")
