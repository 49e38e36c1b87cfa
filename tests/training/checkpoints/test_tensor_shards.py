"""Tensors in safetensors files: all layouts come back, and what is no such file is refused."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

from tests.training.checkpoints.checkpoint_parts import Alone
from training.checkpoints.tensor_shards import StoredTensors, TensorsDifferError, write_tensors

SHARD = "shard-00001-model-00001-of-00001.safetensors"


def test_a_file_that_cannot_be_read_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path, {"model/a": torch.ones(2)}, Alone())
    stored = StoredTensors(tmp_path)

    def fail(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(HuggingFaceStorageReader, "read_data", fail)
    with pytest.raises(OSError, match=rf"{tmp_path} could not be read: .*Input/output error"):
        stored.load_in_place({"model/a": torch.zeros(2)})


def hostile_files() -> Iterator[tuple[str, bytes | dict[str, Tensor], dict[str, str]]]:
    one = {"model/a": torch.zeros(2, 2)}
    yield "no safetensors", b"hello", {}
    yield "huge header", (2**62).to_bytes(8, "little") + b"{}", {}
    yield "header beyond the end", (500).to_bytes(8, "little") + b"{}", {}
    yield "nested header", (200_000).to_bytes(8, "little") + b"[" * 200_000, {}
    yield "no offsets", one, {"DCP_SHARDING_INFO": "{}"}
    yield "offsets are no JSON", one, {"DCP_SHARDING_INFO": "{"}
    yield "nested offsets", one, {"DCP_SHARDING_INFO": "[" * 100_000}
    for offsets in ([1, 0], [-1, 0], [0], [2**80, 0], ["x", 0], "ab", None, [0.5, 0]):
        yield (
            f"offsets {offsets}",
            one,
            {"DCP_SHARDING_INFO": json.dumps({"model/a": {"saved_offsets": offsets}})},
        )


@pytest.mark.parametrize(("content", "metadata"), [pytest.param(c, m, id=n) for n, c, m in hostile_files()])
def test_hostile_tensor_files_are_refused(
    tmp_path: Path, content: bytes | dict[str, Tensor], metadata: dict[str, str]
) -> None:
    if isinstance(content, bytes):
        (tmp_path / SHARD).write_bytes(content)
    else:
        save_file(content, tmp_path / SHARD, metadata=metadata)
    with pytest.raises(TensorsDifferError, match=r"cannot be read|Files are missing"):
        StoredTensors(tmp_path).load_in_place({"model/a": torch.zeros(2, 2)})


def test_large_checkpoints_are_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.checkpoints.tensor_shards.PART_BYTES", 40)
    tensors = {f"model/{name}": torch.randn(2, 4) for name in "abc"} | {"model/d": torch.randn(2)}
    names = write_tensors(tmp_path, tensors, Alone())
    assert names == [f"shard-00001-model-{n:05d}-of-00003.safetensors" for n in (1, 2, 3)]
    other = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    StoredTensors(tmp_path).load_in_place(other)
    assert all(torch.equal(other[name], tensors[name]) for name in tensors)


def test_layouts_and_types_survive(tmp_path: Path) -> None:
    tensors = {
        "model/scalar": torch.tensor(1.5),
        "model/empty": torch.zeros(0, 3),
        "model/turned": torch.arange(6.0).reshape(2, 3).t(),
        "model/view": torch.arange(100.0)[3:7],
        "model/bf16": torch.randn(3).bfloat16(),
        "model/count": torch.tensor([7]),
        "model/parameter": nn.Parameter(torch.randn(2)),
    }
    write_tensors(tmp_path, tensors, Alone())
    assert set(StoredTensors(tmp_path).tensors) == set(tensors)
    other = {name: torch.full_like(tensor, 9) for name, tensor in tensors.items()}
    StoredTensors(tmp_path).load_in_place(other)
    assert all(torch.equal(other[name], tensors[name]) for name in tensors)
