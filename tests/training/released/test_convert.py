"""Converted folders: whole, described, equal to their source, and nothing half written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.training.models.small import video
from tests.training.released.small import SMALL, classifier, encoder, same, save, small, stage2, student
from training.models.interpolation import interpolate_positions
from training.released import convert as convert_module
from training.released.architecture import Hints
from training.released.convert import convert
from training.released.description import CONFIG, EncoderDescription, StudentDescription, read_description
from training.released.errors import CheckpointFileError, CheckpointMismatchError
from training.released.files import WEIGHTS
from training.released.inspection import inspect_checkpoint
from training.released.load import load_model
from training.teachers.build import build_teacher
from training.teachers.config import InternVideo2Config


def converted(
    tmp_path: Path,
    tensors: object,
    name: str = "out",
    num_frames: int | None = None,
    size_px: int | None = None,
) -> Path:
    source = save(tmp_path / "source.pth", tensors)
    return convert(source, tmp_path / name, Hints(), num_frames=num_frames, size_px=size_px).folder


@pytest.mark.parametrize(
    ("build", "dtype"),
    [(encoder, torch.float32), (student, torch.bfloat16), (classifier, torch.float32), (encoder, torch.half)],
)
def test_a_folder_builds_the_model_again(
    tmp_path: Path, build: Callable[[], torch.nn.Module], dtype: torch.dtype
) -> None:
    model = build()
    tensors = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    loaded = load_model(converted(tmp_path, {"module": tensors}))
    assert type(loaded) is type(model)
    assert not loaded.training
    assert same(loaded.state_dict(), tensors)
    with torch.no_grad():
        expected = model.to(dtype)(video(SMALL, batch=1).to(dtype))
        found = loaded(video(SMALL, batch=1).to(dtype))
    if isinstance(expected, Tensor):
        expected, found = (expected,), (found,)
    for one, other in zip(expected, found, strict=True):
        # Mapped weights lie at other addresses, and matrix products round by that.
        assert (one is None and other is None) or torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_the_config_says_what_it_is_and_where_it_comes_from(tmp_path: Path) -> None:
    folder = converted(tmp_path, {"module": stage2()})
    description = read_description(folder)
    assert isinstance(description, StudentDescription)
    assert description.encoder == small(image_positions=True)
    said = description.provenance
    assert said is not None
    assert said.source == "source.pth"
    assert said.sha256 == hashlib.sha256((tmp_path / "source.pth").read_bytes()).hexdigest()
    assert (said.unwrapped, said.prefix) == (("module",), "vision_encoder.")
    assert [change.split(":")[0] for change in said.changes] == [
        "left out text_encoder",
        "left out vision_proj",
        "left out temp",
    ]
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, WEIGHTS]
    assert list(tmp_path.glob(".*")) == []


def test_positions_are_interpolated_when_asked_for(tmp_path: Path) -> None:
    tensors = stage2(torch.float32)
    same_grid = load_file(converted(tmp_path, tensors) / WEIGHTS)
    changed = converted(tmp_path, tensors, "changed", num_frames=5, size_px=112)
    assert read_description(changed).encoder.grid == (5, 8, 8)
    other = load_file(changed / WEIGHTS)
    for name, tensor in same_grid.items():
        before, after = (2, 16, 16), (5, 8, 8)
        if "img_pos" in name:
            before, after = (1, 16, 16), (1, 8, 8)
        if "pos_embed" in name:
            assert torch.equal(other[name], interpolate_positions(tensor, before, after))
        else:
            assert torch.equal(other[name], tensor)
    in_time = load_file(converted(tmp_path, tensors, "time", num_frames=4) / WEIGHTS)
    assert torch.equal(in_time["img_pos_embed"], same_grid["img_pos_embed"])
    with torch.no_grad():
        assert load_model(changed)(torch.rand(1, 3, 5, 112, 112)).final_BD.isfinite().all()


def test_motion_positions_have_no_class_token(tmp_path: Path) -> None:
    model = student()
    folder = converted(tmp_path, model.state_dict(), num_frames=4)
    wanted = interpolate_positions(model.state_dict()["mae_pos_embed"], (2, 16, 16), (4, 16, 16), 0)
    assert torch.equal(load_file(folder / WEIGHTS)["mae_pos_embed"], wanted)


def test_how_a_run_computed_is_not_asked_of_who_reads_its_weights(tmp_path: Path) -> None:
    """A machine without flash-attn reads what one with it has written."""
    folder = converted(tmp_path, encoder().state_dict())
    values = json.loads((folder / CONFIG).read_text())
    values["encoder"] |= {"attention": "flash", "checkpointed_blocks": 128, "drop_path": 0.25}
    (folder / CONFIG).write_text(json.dumps(values))
    read = read_description(folder).encoder
    assert (read.attention, read.checkpointed_blocks, read.drop_path) == ("auto", 0, 0.25)
    assert load_model(folder)(video(SMALL, batch=1)).tokens_BLD.isfinite().all()
    assert inspect_checkpoint(folder, Hints()).identity.loads
    again = convert(folder, tmp_path / "again", Hints()).folder
    assert "flash" not in (again / CONFIG).read_text()
    config = InternVideo2Config(kind="internvideo2", weights=str(folder), layers=1, precision="fp32")
    assert build_teacher(config, small(), torch.device("cpu")).spec.width == 384


def test_a_folder_can_be_converted_again(tmp_path: Path) -> None:
    first = convert(
        save(tmp_path / "a.pth", encoder(width=48, heads=3, size_px=56).state_dict()),
        tmp_path / "first",
        Hints(heads=3, frames=2, gelu="erf"),
    ).folder
    again = convert(first, tmp_path / "again", Hints(), num_frames=6).folder
    description = read_description(again)
    assert description.encoder == small(width=48, heads=3, size_px=56, num_frames=6, gelu="erf")
    assert description.provenance is not None
    assert description.provenance.before == read_description(first).provenance
    with pytest.raises(ValueError, match="says itself"):
        convert(first, tmp_path / "third", Hints(heads=6))


def test_tensors_that_share_memory_are_written_apart(tmp_path: Path) -> None:
    tensors = dict(encoder().state_dict())
    shared = torch.rand(4, 384)
    tensors |= {"blocks.0.norm1.weight": shared[0], "blocks.1.norm1.weight": shared[0]}
    tensors["blocks.0.norm2.weight"] = shared.t().contiguous().t()[2]
    tensors["blocks.1.mlp.fc1.weight"] = tensors["blocks.0.mlp.fc1.weight"]
    tensors["blocks.0.mlp.fc2.weight"] = tensors["blocks.0.mlp.fc2.weight"].t().contiguous().t()
    loaded = load_model(converted(tmp_path, tensors)).state_dict()
    assert same(loaded, tensors)
    assert (tmp_path / "out" / WEIGHTS).stat().st_size < sum(4 * t.numel() for t in tensors.values()) + 10_000


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (lambda: dict(list(encoder().state_dict().items())[:-1]), "not whole"),
        (lambda: encoder().state_dict() | {"odd": torch.ones(1)}, "not whole"),
        (lambda: {n: t for n, t in stage2().items() if "clip_projector" in n}, "no model"),
        (lambda: encoder().state_dict() | {"cls_token": torch.full((1, 1, 384), torch.nan)}, "NaN"),
        (lambda: {"a": torch.ones(1)}, "no video encoder"),
    ],
)
def test_what_is_no_whole_model_is_not_written(
    tmp_path: Path, tensors: Callable[[], dict[str, Tensor]], message: str
) -> None:
    with pytest.raises((CheckpointFileError, CheckpointMismatchError), match=message):
        converted(tmp_path, tensors())
    assert [path.name for path in tmp_path.iterdir()] == ["source.pth"]


def test_an_output_that_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="exists already"):
        converted(tmp_path, encoder().state_dict())
    assert list((tmp_path / "out").iterdir()) == []


def test_frames_that_do_not_divide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^size_px = 100 is not a multiple"):
        converted(tmp_path, encoder().state_dict(), size_px=100)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert_module, "to_json", fail)
    with pytest.raises(OSError, match="No space"):
        converted(tmp_path, encoder().state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["source.pth"]


def test_a_disk_that_does_not_keep_what_was_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(tensors: dict[str, Tensor], path: Path) -> None:
        save_file({name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, path)

    monkeypatch.setattr("safetensors.torch.save_file", forgetful)
    with pytest.raises(CheckpointFileError, match="reads differently"):
        converted(tmp_path, encoder().state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["source.pth"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "robot"), ("format", 2), ("encoder", {"width": 7}), ("encoder", None), ("x", 1)],
)
def test_a_config_of_another_form_is_refused(tmp_path: Path, field: str, value: object) -> None:
    folder = converted(tmp_path, encoder().state_dict())
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | {field: value}))
    with pytest.raises(CheckpointFileError, match=CONFIG):
        load_model(folder)


def test_a_config_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = converted(tmp_path, encoder().state_dict())
    description = read_description(folder)
    deeper = EncoderDescription(encoder=small(depth=3), provenance=description.provenance)
    (folder / CONFIG).write_text(deeper.model_dump_json())
    with pytest.raises(CheckpointMismatchError, match=r"blocks\.2"):
        load_model(folder)
