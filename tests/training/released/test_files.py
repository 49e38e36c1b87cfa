"""Reading files that anyone may have made: whole, wrapped, damaged and hostile ones."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.training.released.small import same, save
from training.released.errors import CheckpointFileError, NoCheckpointError
from training.released.files import INDEX, read_tensors

STATE = {
    "a.weight": torch.arange(6.0).view(2, 3),
    "b": torch.ones(2, dtype=torch.bfloat16),
    "c": torch.ones(3, dtype=torch.half),
}


class Dictionary(dict[str, Any]):
    """A class of its own, as EasyDict is."""


Dictionary.__module__, Dictionary.__qualname__ = "easydict", "EasyDict"


class Options:
    """What training code might store beside its weights."""

    def __init__(self) -> None:
        self.rate = 0.1


class Command:
    """A pickle that runs a command when it is read without care."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


class Evaluation(Command):
    def __reduce__(self) -> Any:
        return eval, (f"open({str(self.marker)!r}, 'w')",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (STATE, ()),
        (OrderedDict(STATE), ()),
        ({"module": STATE, "epoch": 3, "global_steps": 2040}, ("module",)),
        ({"model": STATE, "optimizer": {"state": {}}}, ("model",)),
        ({"state_dict": {"model": STATE}}, ("state_dict", "model")),
        ({"scale": torch.ones(1), "model": STATE}, ("model",)),
    ],
)
def test_tensors_are_found_in_their_wrapping(
    tmp_path: Path, value: object, keys: tuple[str, ...], zipped: bool
) -> None:
    path = tmp_path / "a.pth"
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    tensors, wrapping = read_tensors(path)
    assert same(tensors, STATE)
    assert wrapping.keys == keys
    assert wrapping.left_out == ()


def test_what_lies_beside_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"module": STATE, "epoch": 3, "lr_scheduler": [1], "dtype": torch.half})
    _, wrapping = read_tensors(path)
    assert wrapping.beside == {"epoch": 3, "lr_scheduler": "(list)", "dtype": "(dtype)"}


def test_safetensors_and_shards(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "model.safetensors")
    assert same(read_tensors(tmp_path / "model.safetensors")[0], STATE)
    assert same(read_tensors(tmp_path)[0], STATE)
    (tmp_path / "model.safetensors").rename(tmp_path / "weights.bin")
    assert same(read_tensors(tmp_path / "weights.bin")[0], STATE)

    (tmp_path / "shards").mkdir()
    places = {"a.weight": "1.safetensors", "b": "2.safetensors", "c": "2.safetensors"}
    for shard in set(places.values()):
        held = {name: STATE[name] for name, place in places.items() if place == shard}
        save_file(held, tmp_path / "shards" / shard)
    index = tmp_path / "shards" / INDEX
    index.write_text(json.dumps({"weight_map": places}))
    assert same(read_tensors(tmp_path / "shards")[0], STATE)
    index.write_text(json.dumps({"weight_map": {"a": "../weights.bin"}}))
    with pytest.raises(CheckpointFileError, match="no file beside it"):
        read_tensors(tmp_path / "shards")
    index.write_text(json.dumps({"weight_map": {"a": "3.safetensors"}}))
    with pytest.raises(CheckpointFileError, match="missing"):
        read_tensors(tmp_path / "shards")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_known_objects_become_stand_ins(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pth"
    beside = {"args": argparse.Namespace(lr=1), "loss": np.float64(2.5), "when": Path("/x")}
    torch.save({"model": STATE, **beside}, path, _use_new_zipfile_serialization=zipped)
    tensors, wrapping = read_tensors(path)
    assert same(tensors, STATE)
    assert "argparse.Namespace" in wrapping.left_out
    assert set(wrapping.beside.values()) == {"(left out)"}


def test_a_dictionary_of_its_own_class_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("easydict")
    module.EasyDict = Dictionary  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "easydict", module)
    path = save(tmp_path / "a.pth", {"module": STATE, "config": Dictionary(a=1)})
    monkeypatch.delitem(sys.modules, "easydict")
    tensors, wrapping = read_tensors(path)
    assert same(tensors, STATE)
    assert wrapping.left_out == ("easydict.EasyDict",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_unknown_objects_are_refused_by_name_and_left_out_when_told(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save({"model": STATE, "options": Options()}, path, _use_new_zipfile_serialization=zipped)
    name = f"{__name__}.Options"
    with pytest.raises(CheckpointFileError, match=f"--ignore {name}"):
        read_tensors(path)
    tensors, wrapping = read_tensors(path, ignored=[name])
    assert same(tensors, STATE)
    assert wrapping.left_out == (name,)
    # Nothing of the permission stays.
    with pytest.raises(CheckpointFileError):
        read_tensors(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", [Command, Evaluation])
def test_a_hostile_pickle_is_refused_and_does_not_run(
    tmp_path: Path, kind: type[Command], zipped: bool
) -> None:
    path, marker = tmp_path / "a.pth", tmp_path / "ran"
    torch.save({"model": STATE, "x": kind(marker)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointFileError, match=r"would call (posix\.system|builtins\.eval)"):
        read_tensors(path)
    with pytest.raises(CheckpointFileError):
        read_tensors(path, ignored=["posix.system", "nt.system", "builtins.eval", "os.system"])
    assert not marker.exists()


def test_a_plain_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "a.pkl", tmp_path / "ran"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Command(marker), protocol))
        with pytest.raises(CheckpointFileError):
            read_tensors(path)
    assert not marker.exists()


def rewritten(path: Path, **changes: Any) -> Path:
    """The zip with its members written anew, with other settings or contents by the end of their name."""
    compression = changes.pop("compression", zipfile.ZIP_STORED)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = path.with_suffix(".changed")
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in members.items():
            new = changes.get(name.rpartition("/")[2].replace(".", "_"), data)
            archive.writestr(name, new)
    return target


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = rewritten(save(tmp_path / "a.pth", {"a": torch.zeros(10**6)}), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    with pytest.raises(CheckpointFileError, match="compressed"):
        read_tensors(path)


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"a": torch.zeros(1000)})
    with zipfile.ZipFile(path, "a") as archive:
        info = archive.infolist()[-1]
        info.file_size = info.compress_size = 10**12
        archive.start_dir = archive.fp.tell() if archive.fp else 0
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(CheckpointFileError):
        read_tensors(path)


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"a": torch.zeros(1).expand(10**10)})
    with pytest.raises(
        CheckpointFileError, match=r"a claims the shape \[10000000000\], but the file holds 4 bytes"
    ):
        read_tensors(path)


@pytest.mark.parametrize(
    "tensor", [torch.zeros(3, 3).to_sparse(), torch.zeros(3, device="meta")], ids=["sparse", "meta"]
)
def test_other_tensors_are_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    with pytest.raises(CheckpointFileError, match="not plain"):
        read_tensors(save(tmp_path / "a.pth", {"a": tensor}))


@pytest.mark.parametrize(
    "value", [[1, 2], 3, "text", {"optimizer": {}}, {}, {"model": {}}, {1: torch.ones(1)}]
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(CheckpointFileError):
        read_tensors(save(tmp_path / "a.pth", value))


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path, cut = tmp_path / "a.pth", tmp_path / "cut.pth"
    legacy, tensors = tmp_path / "legacy.pth", tmp_path / "a.safetensors"
    save(path, {"model": STATE})
    torch.save({"model": STATE}, legacy, _use_new_zipfile_serialization=False)
    save_file(STATE, tensors)
    for whole in (path, legacy, tensors):
        data = whole.read_bytes()
        for size in range(0, len(data) - 1, max(1, len(data) // 40)):
            cut.write_bytes(data[:size])
            with pytest.raises(CheckpointFileError):
                read_tensors(cut)
    data = path.read_bytes()
    cut.write_bytes(data[:200] + data[210:])
    with pytest.raises(CheckpointFileError):
        read_tensors(cut)


def test_flipped_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save({"module": STATE, "epoch": 1}, buffer, _use_new_zipfile_serialization=zipped)
        path = tmp_path / "flipped.pth"
        for _ in range(150):
            data = bytearray(buffer.getvalue())
            for place in draw.integers(0, min(len(data), 900), 3):
                data[place] = draw.integers(256)
            path.write_bytes(data)
            with contextlib.suppress(CheckpointFileError):
                read_tensors(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"version https://git-lfs.github.com/spec/v1\n", b"<html>not found</html>" * 20, bytes(4096)],
    ids=["empty", "lfs", "html", "zeros"],
)
def test_what_is_no_checkpoint_is_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointFileError, match=str(path)):
        read_tensors(path)


def test_places_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NoCheckpointError, match="no such file"):
        read_tensors(tmp_path / "none.pth")
    with pytest.raises(NoCheckpointError, match="holds neither"):
        read_tensors(tmp_path)
    with pytest.raises(CheckpointFileError, match="no regular file"):
        read_tensors("/dev/null")


def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    with pytest.raises(CheckpointFileError, match="TorchScript"):
        read_tensors(path)
