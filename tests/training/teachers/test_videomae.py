from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.training.teachers import plain, tiny
from training.teachers import videomae
from training.teachers.architectures import VIDEOMAE_G, VideoMaeArchitecture
from training.teachers.build import build_teacher
from training.teachers.config import VideoMaeConfig
from training.teachers.videomae import VideoMaeEncoder, grid_positions

SMALL = VideoMaeArchitecture(
    width=48, depth=4, heads=3, mlp_width=96, patch_px=14, tubelet_frames=2, trained_grid=(3, 2, 2)
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.teachers.config.VIDEOMAE_G", SMALL)
    monkeypatch.setattr(videomae, "VIDEOMAE_G", SMALL)


def _other_implementation() -> torch.nn.Module:
    """VideoMAE of transformers, whose positions, biases and norms are those of the paper."""
    from transformers import VideoMAEConfig, VideoMAEModel

    config = VideoMAEConfig(
        image_size=28,
        patch_size=14,
        num_frames=6,
        tubelet_size=2,
        hidden_size=48,
        num_hidden_layers=4,
        num_attention_heads=3,
        intermediate_size=96,
        layer_norm_eps=1e-6,
        use_mean_pooling=False,
    )
    model = torch.nn.Module.eval(VideoMAEModel(config))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


def _as_released(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {
        "encoder.patch_embed.proj.weight": state["embeddings.patch_embeddings.projection.weight"],
        "encoder.patch_embed.proj.bias": state["embeddings.patch_embeddings.projection.bias"],
        "encoder.norm.weight": state["layernorm.weight"],
        "encoder.norm.bias": state["layernorm.bias"],
        "decoder.head.weight": torch.zeros(2),
        "mask_token": torch.zeros(1),
    }
    for index in range(4):
        old, new = f"encoder.layer.{index}.", f"encoder.blocks.{index}."
        own = old + "attention.attention."
        renamed[new + "attn.qkv.weight"] = torch.cat(
            [state[own + f"{name}.weight"] for name in ("query", "key", "value")]
        )
        renamed[new + "attn.q_bias"] = state[own + "query.bias"]
        renamed[new + "attn.v_bias"] = state[own + "value.bias"]
        for theirs, ours in (
            ("attention.output.dense", "attn.proj"),
            ("layernorm_before", "norm1"),
            ("layernorm_after", "norm2"),
            ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2"),
        ):
            for kind in ("weight", "bias"):
                renamed[f"{new}{ours}.{kind}"] = state[f"{old}{theirs}.{kind}"]
    return renamed


@pytest.mark.usefixtures("small")
def test_the_features_are_those_of_another_implementation(tmp_path: Path) -> None:
    other = _other_implementation()
    torch.save({"model": _as_released(other.state_dict())}, tmp_path / "vit_g.pth")
    config = VideoMaeConfig(
        kind="videomae", weights=str(tmp_path / "vit_g.pth"), layers=3, size_px=28, precision="fp32"
    )
    teacher = build_teacher(config, tiny.STUDENT, tiny.CPU)
    video = tiny.clips(2, 6)
    targets = teacher(video)

    with torch.no_grad():
        seen = other(((video - plain.MEAN) / plain.STD).transpose(1, 2), output_hidden_states=True)
    wanted = [*seen.hidden_states[2:4], seen.last_hidden_state]
    for found, raw in zip(targets.middle_KBLD, wanted, strict=True):
        torch.testing.assert_close(found, functional.normalize(raw, dim=-1), atol=1e-5, rtol=1e-4)
    assert targets.final_BD is None
    assert targets.attention_BTN is None
    assert teacher.spec.grid == (3, 2, 2)
    assert teacher.spec.num_frames == 6
    assert teacher.spec.parameters == sum(parameter.numel() for parameter in other.parameters())


def test_released_size() -> None:
    with torch.device("meta"):
        encoder = VideoMaeEncoder(VIDEOMAE_G)
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    assert parameters == VIDEOMAE_G.parameters
    assert round(parameters / 1e6, 1) == 1011.6
    spec = VideoMaeConfig(kind="videomae", weights="x").spec(
        tiny.STUDENT.model_copy(update={"num_frames": 8})
    )
    assert (spec.num_frames, spec.grid) == (16, (8, 16, 16))
    assert round(spec.gmacs_per_clip / 1e3, 1) == 2.5


def test_positions_follow_the_grid() -> None:
    whole = grid_positions(SMALL, (3, 2, 2))
    fewer = grid_positions(SMALL, (1, 2, 2))
    torch.testing.assert_close(fewer, whole.view(3, 4, 48)[1:2])


@pytest.mark.usefixtures("small")
def test_a_wrong_size_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"size_px = 30 is not a multiple .* 14 px. Set size_px to 28"):
        VideoMaeConfig(kind="videomae", weights="x", size_px=30)


def test_more_layers_than_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 40"):
        VideoMaeConfig(kind="videomae", weights="x", layers=41)
