"""Checkpoints are told apart by their names and shapes, at full size too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.released.small import (
    DISTILLED,
    ONE_TEACHER,
    TEACHERS,
    classifier,
    encoder,
    stage2,
    student,
)
from training.models.encoder_config import SIZES, EncoderConfig
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig
from training.released.architecture import Hints
from training.released.building import model_shapes
from training.released.description import ClassifierDescription, EncoderDescription, StudentDescription
from training.released.errors import CheckpointMismatchError
from training.released.inspection import Identity, identify
from training.released.kinds import recognise
from training.released.matching import Shapes, shapes_of
from training.teachers.architectures import INTERNVL_C, VIDEOMAE_G
from training.teachers.videomae import VideoMaeEncoder

KEYS = Path(__file__).resolve().parents[4] / "shared" / "parity" / "internvideo2_1B_keys.json"


def look(shapes: Shapes, **hints: int) -> Identity:
    return identify(shapes, "file.pth", Hints(**hints))  # type: ignore[arg-type]  # only numbers here


def released(name: str) -> dict[str, tuple[int, ...]]:
    if not KEYS.is_file():
        pytest.skip(f"{KEYS} is missing: the released models' names and shapes are compared where it lies")
    return {key: tuple(shape) for key, shape in json.loads(KEYS.read_text())[name].items()}


def test_the_released_stage_1_model() -> None:
    found = look(released("stage1_1B_f8"))
    assert found.loads
    assert found.recognised.title == "stage-1 student of two teachers"
    assert found.description == StudentDescription(
        encoder=EncoderConfig(size="1B", num_frames=8),
        heads=StudentConfig(
            middle=HeadConfig(layers=6, width=3200, kind="linear"),
            final=FinalHeadConfig(width=768, kind="linear"),
            motion=HeadConfig(layers=4, width=1408, kind="mlp"),
        ),
    )


def test_the_released_stage_2_encoder_in_its_whole_file() -> None:
    shapes: dict[str, tuple[int, ...]] = {
        f"vision_encoder.{name}": shape for name, shape in released("stage2_vision_1B_f4").items()
    }
    shapes |= {f"text_encoder.bert.encoder.layer.{k}.output.dense.bias": (1024,) for k in range(24)}
    shapes |= {"itm_head.weight": (2, 1024), "temp": ()}
    found = look(shapes)
    assert found.loads
    assert found.description is not None
    assert found.description.encoder == EncoderConfig(size="1B", num_frames=4, image_positions=True)
    assert found.recognised.prefix == "vision_encoder."
    assert {group: len(names) for group, names in found.recognised.others.items()} == {
        "text_encoder": 24,
        "itm_head": 1,
        "temp": 1,
    }


@pytest.mark.parametrize(("size", "num_frames"), list(zip(SIZES, (4, 8, 16, 4, 8), strict=True)))
def test_each_size_is_known_by_its_shapes(size: str, num_frames: int) -> None:
    description = EncoderDescription(
        encoder=EncoderConfig.model_validate({"size": size, "num_frames": num_frames})
    )
    found = look(model_shapes(description))
    assert found.loads
    assert found.description == description


@pytest.mark.parametrize("prefix", ["", "module.", "student.", "a.b."])
@pytest.mark.parametrize(
    ("heads", "title"),
    [
        (TEACHERS, "stage-1 student of two teachers"),
        (DISTILLED, "distilled student of one teacher"),
        (ONE_TEACHER, "student of one teacher"),
    ],
)
def test_students_whatever_stands_before_their_names(prefix: str, heads: StudentConfig, title: str) -> None:
    shapes = {prefix + name: shape for name, shape in shapes_of(student(heads).state_dict()).items()}
    found = look(shapes)
    assert (found.recognised.title, found.recognised.prefix, found.loads) == (title, prefix, True)
    assert isinstance(found.description, StudentDescription)
    assert found.description.heads == heads


@pytest.mark.parametrize("extra_mlp", [False, True])
def test_classifiers(extra_mlp: bool) -> None:
    found = look(shapes_of(classifier(extra_mlp=extra_mlp).state_dict()))
    assert found.loads
    assert isinstance(found.description, ClassifierDescription)
    assert found.description.head.num_classes == 5
    assert found.description.head.extra_mlp is extra_mlp
    assert ("_ap_" in found.recognised.title) is extra_mlp


def test_clip_files_are_deltas_and_name_what_they_need() -> None:
    whole = shapes_of(stage2())
    for width, base in ((384, "distilled S/14"), (1408, "InternVideo2-stage2_1b"), (7, "trained on")):
        delta = {name: shape for name, shape in whole.items() if "clip_projector" in name}
        delta["vision_encoder.clip_projector.cross_attn.q.weight"] = (width, width)
        found = look(delta | {"vision_align.1.weight": (8, 8)})
        assert found.recognised.kind == "delta"
        assert not found.loads
        assert found.problem is not None
        assert base in found.problem
        assert "does not lay one upon the other" in found.problem
        assert "vision_align" in found.recognised.others


def test_teachers() -> None:
    with torch.device("meta"):
        videomae = shapes_of(VideoMaeEncoder(VIDEOMAE_G).state_dict())
    file = {f"encoder.{name}": shape for name, shape in videomae.items()}
    found = look(file | {"decoder.head.bias": (1,), "encoder_to_decoder.weight": (1, 1), "mask_token": (1,)})
    assert (found.recognised.kind, found.loads) == ("videomae", True)
    assert set(found.recognised.others) == {"decoder", "encoder_to_decoder", "mask_token"}

    internvl = model_shapes(EncoderDescription(encoder=INTERNVL_C))
    width, colours, _, *patch = internvl["patch_embed.proj.weight"]
    file = internvl | {"patch_embed.proj.weight": (width, colours, *patch), "text_projection": (4, 4)}
    found = look(file | {"transformer.layers.0.weight": (4,), "logit_scale": ()})
    assert (found.recognised.kind, found.loads) == ("internvl", True)
    assert set(found.recognised.others) == {"transformer", "text_projection", "logit_scale"}
    del file["blocks.7.ls1.gamma"]
    assert not look(file).loads


def test_everything_that_differs_is_listed() -> None:
    shapes: dict[str, tuple[int, ...]] = shapes_of(student().state_dict())
    del shapes["blocks.1.ls1.gamma"], shapes["mae_decoder.0.norm.bias"]
    shapes |= {"blocks.0.attn.qkv.bias": (3,), "blocks.0.norm1.weight": (9,), "more": ()}
    found = look(shapes)
    assert not found.loads
    assert found.mismatch is not None
    assert set(found.mismatch.missing) == {"blocks.1.ls1.gamma", "mae_decoder.0.norm.bias"}
    assert set(found.mismatch.unexpected) == {"blocks.0.attn.qkv.bias", "more"}
    assert found.mismatch.reshaped == {"blocks.0.norm1.weight": ((9,), (384,))}
    assert "    blocks.0.norm1.weight: [9] in the file, [384] in the model" in (
        f"  {line}" for line in found.mismatch.lines()
    )


def test_blocks_that_are_missing_in_between_are_noticed() -> None:
    shapes = shapes_of(encoder(depth=5).state_dict())
    found = look({name: shape for name, shape in shapes.items() if not name.startswith("blocks.3.")})
    assert found.mismatch is not None
    assert {name.split(".")[1] for name in found.mismatch.missing} == {"3"}


def test_what_shapes_do_not_tell_is_asked_for() -> None:
    shapes = shapes_of(encoder(width=48, heads=3, pool_heads=16, size_px=56).state_dict())
    assert "2 frames of 56 px" in str(look(shapes).problem)
    assert "Give --heads" in str(look(shapes, frames=2).problem)
    assert "not those of 3 frames" in str(look(shapes, frames=3, heads=3).problem)
    found = look(shapes, frames=2, heads=3)
    assert found.loads
    assert found.description is not None
    assert found.description.encoder.grid == (2, 4, 4)
    assert "heads = 5" in str(look(shapes, frames=2, heads=5).problem)


def test_image_positions_tell_the_grid() -> None:
    found = look(shapes_of(student(ONE_TEACHER, image_positions=True, num_frames=3, size_px=70).state_dict()))
    assert found.description is not None
    assert found.description.encoder.grid == (3, 5, 5)


@pytest.mark.parametrize(
    "name", ["pos_embed", "blocks.0.mlp.fc1.weight", "patch_embed.proj.weight", "clip_decoder.0.norm.weight"]
)
@pytest.mark.parametrize("shape", [(), (0,), (10**12, 10**12), (1, 10**9, 384), (-1, 3)])
def test_absurd_shapes_are_told_not_built(name: str, shape: tuple[int, ...]) -> None:
    found = look(shapes_of(student().state_dict()) | {name: shape})
    assert not found.loads


def test_absurd_numbers_of_blocks_are_told_not_built() -> None:
    shapes: dict[str, tuple[int, ...]] = shapes_of(encoder().state_dict())
    assert "depth = " in str(look(shapes | {"blocks.99999.norm1.weight": (384,)}).problem)
    assert not look(shapes | {"blocks.9999999999999999999999.norm1.weight": (384,)}).loads


def test_what_is_not_known_is_said_with_its_groups() -> None:
    with pytest.raises(CheckpointMismatchError, match=r"no video encoder.*bert \(2\), lm_head \(1\)"):
        recognise({"bert.a": (), "bert.b": (), "lm_head.weight": ()}, "file.pth")
    with pytest.raises(CheckpointMismatchError, match=r"no attn\.q_norm"):
        recognise({"patch_embed.proj.weight": (8, 3, 1, 2, 2), "blocks.0.attn.qkv.bias": ()}, "file.pth")
