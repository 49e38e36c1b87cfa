from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.training.teachers import tiny
from training.teachers.build import build_teacher
from training.teachers.config import HuggingFaceConfig
from training.teachers.frozen import FrozenTeacher

SIZES: dict[str, Any] = {
    "image_size": 28,
    "patch_size": 14,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}


def _saved(model: Any, folder: Path, colours: dict[str, Any] | None = None) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.eval().save_pretrained(folder)
    if colours is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(colours))
    return model


def _teacher(folder: Path, **options: object) -> FrozenTeacher:
    config = HuggingFaceConfig.model_validate(
        {"kind": "huggingface", "model": str(folder), "layers": 2, "precision": "fp32"} | options
    )
    return build_teacher(config, tiny.STUDENT, tiny.CPU)


def _frames(video: Tensor, mean: float, std: float) -> Tensor:
    return ((video - mean) / std).transpose(1, 2).flatten(0, 1)


def _close(found: Tensor | None, raw: Tensor) -> None:
    torch.testing.assert_close(found, functional.normalize(raw, dim=-1), atol=1e-5, rtol=1e-4)


def _by_clip(frames: Tensor, prefix: int = 1) -> Tensor:
    """[2 clips * 3 frames, L, D] to clips, written out."""
    clips = []
    for clip in frames.view(2, 3, *frames.shape[1:]):
        class_token = [clip[:, 0].mean(0, keepdim=True)] if prefix else []
        clips.append(torch.cat([*class_token, *(frame[prefix:] for frame in clip)]))
    return torch.stack(clips)


def test_clip_by_its_class_token(tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        vision_config=SIZES | {"projection_dim": 20},
        text_config={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9},
        projection_dim=20,
    )
    colours = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "rescale_factor": 1 / 255}
    model = _saved(CLIPModel(config), tmp_path, colours)
    teacher = _teacher(tmp_path)
    video = tiny.clips(2, 3)
    targets = teacher(video)

    model.set_attn_implementation("eager")
    with torch.no_grad():
        seen = model.vision_model(
            _frames(video, 0.5, 0.25), output_hidden_states=True, output_attentions=True
        )
        final = model.visual_projection(seen.pooler_output)
    for k, block in enumerate((2, 3)):
        _close(targets.middle_KBLD[k], _by_clip(seen.hidden_states[block]))
    _close(targets.final_BD, final.view(2, 3, -1).mean(1))
    looks = seen.attentions[-1][:, :, 0].mean(1)[:, 1:]
    torch.testing.assert_close(
        targets.attention_BTN, (looks / looks.sum(-1, keepdim=True)).view(2, 3, 4), atol=1e-5, rtol=1e-4
    )
    spec = teacher.spec
    assert (spec.grid, spec.num_frames, spec.class_token, spec.width) == ((3, 2, 2), 3, True, 32)
    assert (spec.final_width, spec.attention) == (20, True)
    assert spec.parameters == sum(
        p.numel() for part in (model.vision_model, model.visual_projection) for p in part.parameters()
    )


def test_siglip_by_its_pooling(tmp_path: Path) -> None:
    from transformers import SiglipVisionConfig, SiglipVisionModel

    colours = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    model = _saved(SiglipVisionModel(SiglipVisionConfig(**SIZES)), tmp_path, colours)
    teacher = _teacher(tmp_path)
    video = tiny.clips(2, 3)
    targets = teacher(video)
    looked = []
    model.head.attention.register_forward_hook(lambda _m, _a, output: looked.append(output[1]))
    with torch.no_grad():
        seen = model(_frames(video, 0.5, 0.5), output_hidden_states=True)
    assert not teacher.spec.class_token
    _close(targets.middle_KBLD[1], _by_clip(seen.hidden_states[-1], prefix=0))
    _close(targets.final_BD, seen.pooler_output.view(2, 3, -1).mean(1))
    torch.testing.assert_close(targets.attention_BTN, looked[0].view(2, 3, 4), atol=1e-5, rtol=1e-4)


def _dinov2() -> Any:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    sizes = {name: value for name, value in SIZES.items() if name != "intermediate_size"}
    return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes, num_register_tokens=2))


def test_registers_are_left_out(tmp_path: Path) -> None:
    model = _saved(_dinov2(), tmp_path)
    teacher = _teacher(tmp_path)
    video = tiny.clips(2, 3)
    targets = teacher(video)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (video.transpose(1, 2).flatten(0, 1) - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    with torch.no_grad():
        seen = model(pixels, output_hidden_states=True)
    kept = torch.cat([seen.hidden_states[-1][:, :1], seen.hidden_states[-1][:, 3:]], dim=1)
    assert targets.middle_KBLD.shape == (2, 2, 13, 32)
    _close(targets.middle_KBLD[1], _by_clip(kept))
    assert targets.attention_BTN is not None
    torch.testing.assert_close(targets.attention_BTN.sum(-1), torch.ones(2, 3))


def test_another_size_interpolates_positions(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    model = _saved(ViTModel(ViTConfig(**SIZES), add_pooling_layer=False), tmp_path)
    teacher = build_teacher(
        HuggingFaceConfig(kind="huggingface", model=str(tmp_path), layers=1, size_px=56, precision="fp32"),
        tiny.STUDENT.model_copy(update={"size_px": 56}),
        tiny.CPU,
    )
    assert teacher.spec.grid == (3, 4, 4)
    assert teacher.spec.final_width is None
    video = torch.full((1, 3, 3, 56, 56), 0.5)
    with torch.no_grad():
        pixels = teacher._normalised(video).transpose(1, 2).flatten(0, 1)
        seen = model(pixels, output_hidden_states=True, interpolate_pos_encoding=True)
    _close(teacher(video).middle_KBLD[0, 0, 1:], seen.hidden_states[-1][:, 1:].flatten(0, 1))


def test_attention_with_a_bias_is_written_out(tmp_path: Path) -> None:
    from transformers import BeitConfig, BeitModel

    config = BeitConfig(**SIZES, use_relative_position_bias=True)
    model = _saved(BeitModel(config, add_pooling_layer=False), tmp_path)
    teacher = _teacher(tmp_path)
    video = tiny.clips(2, 3)
    targets = teacher(video)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        pixels = teacher._normalised(video).transpose(1, 2).flatten(0, 1)
        seen = model(pixels, output_hidden_states=True, output_attentions=True)
    _close(targets.middle_KBLD[1], _by_clip(seen.hidden_states[-1]))
    looks = seen.attentions[-1][:, :, 0].mean(1)[:, 1:]
    torch.testing.assert_close(
        targets.attention_BTN, (looks / looks.sum(-1, keepdim=True)).view(2, 3, 4), atol=1e-5, rtol=1e-4
    )


def _video_model(kind: str) -> Any:
    if kind == "videomae":
        from transformers import VideoMAEConfig, VideoMAEModel

        return VideoMAEModel(VideoMAEConfig(**SIZES, num_frames=6, tubelet_size=2))
    from transformers import VJEPA2Config, VJEPA2Model

    return VJEPA2Model(
        VJEPA2Config(
            patch_size=14,
            crop_size=28,
            frames_per_clip=6,
            tubelet_size=2,
            hidden_size=36,
            num_hidden_layers=2,
            num_attention_heads=2,
            pred_hidden_size=24,
            pred_num_hidden_layers=1,
            pred_num_attention_heads=2,
        )
    )


@pytest.mark.parametrize("kind", ["videomae", "vjepa2"])
def test_models_of_videos_see_clips(tmp_path: Path, kind: str) -> None:
    colours = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    model = _saved(_video_model(kind), tmp_path, colours)
    teacher = _teacher(tmp_path)
    assert (teacher.spec.num_frames, teacher.spec.grid, teacher.spec.attention) == (6, (3, 2, 2), False)
    video = tiny.clips(2, 6)
    targets = teacher(video)
    with torch.no_grad():
        seen = model(((video - 0.5) / 0.5).transpose(1, 2), output_hidden_states=True)
    _close(targets.middle_KBLD[1], seen.hidden_states[-1])
    assert (targets.final_BD, targets.attention_BTN) == (None, None)


def test_a_model_of_other_frames_is_refused(tmp_path: Path) -> None:
    _saved(_video_model("videomae"), tmp_path)
    config = HuggingFaceConfig(kind="huggingface", model=str(tmp_path))
    with pytest.raises(ValueError, match=r"6 frames in 3 slots .* Set model.num_frames to 3"):
        config.spec(tiny.STUDENT.model_copy(update={"num_frames": 4}))


def _without_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop(next(name for name in tensors if "layernorm" in name))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _without_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(_without_a_tensor, "would be left at random"), (_without_safetensors, "cannot be loaded")],
)
def test_weights_that_cannot_be_trusted_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    _saved(_dinov2(), tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message):
        _teacher(tmp_path)


def test_offline_the_message_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = HuggingFaceConfig(kind="huggingface", model="nobody/nothing", revision="0" * 40)
    with pytest.raises(ValueError, match=r"'nobody/nothing' at 000000000000 cannot be loaded"):
        config.spec(tiny.STUDENT)


def test_code_beside_the_weights_is_not_run(tmp_path: Path) -> None:
    code = {"AutoConfig": "own.Own", "AutoModel": "own.Model"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": code}))
    (tmp_path / "own.py").write_text("raise SystemExit('run')")
    with pytest.raises(ValueError, match="cannot be loaded"):
        _teacher(tmp_path)


def test_a_name_must_be_pinned() -> None:
    with pytest.raises(ValueError, match="40 hex digits"):
        HuggingFaceConfig(kind="huggingface", model="openai/clip-vit-base-patch16")


@pytest.mark.parametrize("kind", ["clip", "siglip", "dinov2", "vjepa2"])
def test_neither_whole_attention_nor_all_blocks_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _saved(_models()[kind](), tmp_path)
    teacher = _teacher(tmp_path)
    model = teacher._model  # type: ignore[attr-defined]
    weights, asked = [], []
    for module in model.modules():
        module.register_forward_hook(
            lambda _m, _a, output: weights.append(output[1]) if isinstance(output, tuple) else None
        )
    model.register_forward_pre_hook(
        lambda _m, _a, options: asked.append(options["output_hidden_states"]), with_kwargs=True
    )
    teacher(tiny.clips(2, teacher.spec.num_frames))
    told = [row for row in weights if isinstance(row, Tensor)]
    assert len(told) == (1 if teacher.spec.attention else 0)
    assert all(row.shape[-2] == 1 for row in told)
    assert asked == [False]


def _models() -> dict[str, Callable[[], Any]]:
    from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel

    return {
        "clip": lambda: CLIPVisionModel(CLIPVisionConfig(**SIZES)),
        "siglip": lambda: SiglipVisionModel(SiglipVisionConfig(**SIZES)),
        "dinov2": _dinov2,
        "vjepa2": lambda: _video_model("vjepa2"),
    }
