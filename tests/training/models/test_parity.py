"""The student beside numbers of the published models, where they are, and beside a file made here."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import parity, parity_internvideo2
from tests.conftest import SHARED_MEDIA
from tests.training.teachers import plain

FOLDER = SHARED_MEDIA.parent / "parity"

SETTINGS = {
    "img_size": 28,
    "embed_dim": 32,
    "num_heads": 2,
    "mlp_ratio": "48/11",
    "depth": 3,
    "attn_pool_num_heads": 4,
    "clip_embed_dim": 12,
    "clip_teacher_embed_dim": 20,
    "clip_teacher_final_dim": 10,
    "clip_return_layer": 2,
    "num_frames": 2,
    "batch": 2,
    "video_key": 1,
    "image_key": 2,
    "mask_key": 3,
    "visible_per_frame": 3,
}


@pytest.mark.parametrize("name", ["internvideo2_stage1.json", "internvideo2_stage2_vision.json"])
def test_our_student_gives_the_published_numbers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no numbers of the published model at {path}")
    assert parity.main([str(path)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["errors"][str(path)]
    assert found.keys() >= json.loads(path.read_text())["outputs"].keys()
    # Tighter than the bound: a GELU of the other kind would pass it.
    assert all(row["absolute"] < 1e-5 and row["relative"] < 5e-6 for row in found.values())


def document(kind: str = "stage2_vision", **changes: Any) -> dict[str, Any]:
    """A file of the same kind, whose numbers come from the model written out in `plain`."""
    settings = parity_internvideo2.checked_settings(SETTINGS | changes) | {"mae_return_layer": 0} | changes
    layout = {
        key: list(value.shape)
        for key, value in parity_internvideo2.built_model(settings).state_dict().items()
    }
    outputs = {}
    for name, values in written_out(kind, settings, layout).items():
        flat = values.double().flatten()
        outputs[name] = {
            "shape": list(values.shape),
            "mean": flat.mean().item(),
            "std": flat.std().item(),
            "l2": flat.norm().item(),
            "at": {"0": flat[0].item(), "7": flat[7].item()},
        }
    return {"kind": kind, "config": SETTINGS | changes, "state_dict": layout, "outputs": outputs}


def written_out(kind: str, settings: dict[str, Any], layout: dict[str, list[int]]) -> dict[str, Tensor]:
    """What the published model would give."""
    weights = {key: parity_internvideo2.drawn_weight(key, shape) for key, shape in layout.items()}
    side, tubelet = settings["img_size"], settings["tubelet_size"]
    slots = settings["num_frames"] // tubelet
    shape = [settings["batch"], 3, settings["num_frames"], side, side]
    video = torch.from_numpy(parity_internvideo2.drawn_normal(settings["video_key"], shape))
    rows = side // settings["patch_size"]
    masks = parity_internvideo2.drawn_visible(settings, (slots, rows, rows)).tolist()
    if kind != "stage2_vision":
        return batch(weights, settings, "", video, masks)
    image = torch.from_numpy(
        parity_internvideo2.drawn_normal(settings["image_key"], [*shape[:2], tubelet, side, side])
    )
    return {
        **batch(weights, settings, "", video, None),
        **batch(weights, settings, "image_", image, None),
        **batch(weights, settings, "masked_", video, masks),
    }


def batch(
    weights: dict[str, Tensor],
    settings: dict[str, Any],
    prefix: str,
    clips: Tensor,
    masks: list[list[int]] | None,
) -> dict[str, Tensor]:
    """Outputs of clips (or images) one by one."""

    def positions(name: str, prefix_tokens: int = 1) -> Tensor:
        table = weights[name][0]
        if clips.shape[2] == settings["num_frames"]:
            return table
        if settings["sep_image_video_pos_embed"]:
            return weights[name.replace("pos_embed", "img_pos_embed")][0]
        slots = settings["num_frames"] // settings["tubelet_size"]
        per_slot = table[prefix_tokens:].view(slots, -1, table.shape[-1])
        return torch.cat([table[:prefix_tokens], per_slot.mean(0)])

    depth = settings["depth"]

    def blocks_of(heads: str, interval: float) -> list[int]:
        return sorted(depth - int(i * interval) - 1 for i in range(settings[f"{heads}_return_layer"]))

    clip_blocks = blocks_of("clip", settings["clip_student_return_interval"])
    mae_blocks = blocks_of("mae", settings["mae_student_return_interval"])
    rows: dict[str, list[Tensor]] = defaultdict(list)
    for number, clip in enumerate(clips):
        visible = None if masks is None else masks[number]
        seen = plain.encode(
            weights,
            clip,
            heads=settings["num_heads"],
            pool_heads=settings["attn_pool_num_heads"],
            gelu=settings["gelu"],
            positions=positions("pos_embed"),
            visible=visible,
        )
        rows["tokens"].append(seen.blocks[-1])
        rows["pooled"].append(seen.pooled)
        own = positions("clip_pos_embed")
        if visible is not None:
            own = own[[0, *(1 + index for index in visible)]]
        told = [
            plain.head(weights, f"clip_decoder.{k}", seen.blocks[block] + own)
            for k, block in enumerate(clip_blocks)
        ]
        rows["clip_middle"].append(torch.stack(told))
        final = settings["clip_teacher_final_dim"]
        rows["clip_final"].append(
            plain.head(weights, "final_clip_decoder", seen.pooled) if final else seen.pooled
        )
        if mae_blocks:
            own = positions("mae_pos_embed", 0)
            own = own if visible is None else own[visible]
            told = [
                plain.head(weights, f"mae_decoder.{k}", seen.blocks[block][1:] + own)
                for k, block in enumerate(mae_blocks)
            ]
            rows["mae"].append(torch.stack(told))
    layered = ("clip_middle", "mae")
    return {prefix + name: torch.stack(found, dim=int(name in layered)) for name, found in rows.items()}


def run(tmp_path: Path, content: object) -> int:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps(content))
    return parity.main([str(path)])


def run_closely(tmp_path: Path, content: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """All outputs of the file are ours, up to rounding."""
    assert run(tmp_path, content) == 0
    (found,) = json.loads(capsys.readouterr().out.splitlines()[-1])["errors"].values()
    assert found.keys() >= content["outputs"].keys()
    assert all(row["relative"] < 1e-5 for row in found.values()), found


@pytest.mark.parametrize("own_positions", [True, False])
def test_video_image_and_mask_are_compared(tmp_path: Path, *, own_positions: bool) -> None:
    content = document(sep_image_video_pos_embed=own_positions)
    names = [f"{view}{name}" for view in ("", "image_", "masked_") for name in ("tokens", "clip_final")]
    assert set(names) <= content["outputs"].keys()
    assert content["outputs"]["masked_tokens"]["shape"] == [2, 1 + 2 * 3, 32]
    assert run(tmp_path, content) == 0


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("stage2_vision", {}),
        ("stage2_vision", {"sep_image_video_pos_embed": True, "tubelet_size": 2, "num_frames": 4}),
        ("stage2_vision", {"tubelet_size": 2, "num_frames": 4, "clip_teacher_final_dim": 0}),
        ("stage2_vision", {"depth": 6, "clip_student_return_interval": 2.5, "gelu": "tanh"}),
        ("stage1", {"mae_return_layer": 2, "mae_teacher_embed_dim": 8, "mae_student_return_interval": 2}),
        ("stage1", {"mae_return_layer": 1, "mae_teacher_embed_dim": 8, "tubelet_size": 2, "num_frames": 4}),
        ("distill", {"clip_student_decoder": "MLP_Decoder", "clip_student_return_interval": 1.67}),
        ("distill", {"clip_student_decoder": "Linear_Decoder", "clip_student_return_index": [2, 1]}),
    ],
)
def test_other_settings_give_what_the_model_written_out_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, changes: dict[str, Any]
) -> None:
    run_closely(tmp_path, document(kind, **changes), capsys)


CONSTRUCTOR: dict[str, Any] = {
    "in_chans": 3,
    "patch_size": 14,
    "qkv_bias": False,
    "drop_path_rate": 0.25,
    "init_values": 1e-5,
    "qk_normalization": True,
    "use_flash_attn": False,
    "use_fused_rmsnorm": False,
    "use_fused_mlp": False,
    "fused_mlp_heuristic": 1,
    "layerscale_no_force_fp32": False,
    "tubelet_size": 1,
    "sep_pos_embed": False,
    "use_checkpoint": True,
    "checkpoint_num": 3,
    "clip_norm_type": "l2",
    "clip_student_return_interval": 1,
}
"""Arguments of the published model's constructor beside those that change what it computes."""


def test_settings_that_change_nothing_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_closely(tmp_path, document(**CONSTRUCTOR), capsys)
    stage1: dict[str, Any] = {"mae_norm_type": "l2", "mae_return_layer": 1, "mae_teacher_embed_dim": 8}
    run_closely(tmp_path, document("stage1", **CONSTRUCTOR, **stage1), capsys)


def test_settings_that_a_file_leaves_out_are_the_constructor_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full: dict[str, Any] = {
        "attn_pool_num_heads": 16,
        "clip_return_layer": 1,
        "mae_return_layer": 1,
        "num_frames": 8,
    }
    content = document("stage1", **full, mae_teacher_embed_dim=8)
    for name in full:
        del content["config"][name]
    run_closely(tmp_path, content, capsys)


def test_a_value_or_a_sum_that_is_off_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = document("stage1", mae_return_layer=1, mae_teacher_embed_dim=8)
    content["outputs"]["mae"]["at"]["7"] += 2e-4
    content["outputs"]["clip_middle"]["l2"] *= 1.01
    assert run(tmp_path, content) == 1
    above = json.loads(capsys.readouterr().out.splitlines()[-1])["above"]
    assert [name.rsplit(" ", 1)[1] for name in above] == ["clip_middle.l2", "mae"]


def test_layouts_that_differ_are_refused_by_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = document()
    del content["state_dict"]["cls_token"]
    content["state_dict"]["blocks.1.norm1.weight"] = [33]
    content["state_dict"]["extra"] = [1]
    assert run(tmp_path, content) == 2
    told = capsys.readouterr().err
    assert "3 keys of the state dicts differ" in told
    assert "blocks.1.norm1.weight: ours [32], the reference [33]" in told
    assert "extra: ours none, the reference [1]" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "stage3"}, "no kind 'stage3'"),
        ({"config": SETTINGS | {"norm_type": "none"}}, "config has norm_type"),
        ({"config": {"depth": 3}}, "config lacks batch, video_key"),
        ({"config": SETTINGS | {"qk_normalization": False}}, "qk_normalization = False, but ours is True"),
        ({"config": SETTINGS | {"sep_pos_embed": True}}, "sep_pos_embed = True, but ours is False"),
        ({"config": SETTINGS | {"clip_norm_type": "none"}}, "clip_norm_type = 'none', but ours is 'l2'"),
        ({"config": SETTINGS | {"clip_student_return_index": [0, 2]}}, r"but ours takes the blocks [1, 2]"),
        ({"config": SETTINGS | {"clip_student_decoder": "Decoder"}}, "none of Linear_Decoder, MLP_Decoder"),
        ({"outputs": {"pixels": {}}}, "has no outputs pixels"),
    ],
)
def test_files_that_cannot_be_compared_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    assert run(tmp_path, document() | change) == 2
    assert message in capsys.readouterr().err


def test_weights_and_masks_are_drawn_by_the_rule() -> None:
    weight = parity_internvideo2.drawn_weight("blocks.0.norm1.weight", [400])
    assert weight.mean().item() == pytest.approx(1, abs=0.02)
    assert weight.std().item() == pytest.approx(0.05, rel=0.1)
    assert parity_internvideo2.drawn_weight("a.bias", [400]).mean().item() == pytest.approx(0, abs=0.02)
    visible = parity_internvideo2.drawn_visible(SETTINGS, (2, 2, 2))
    assert visible.shape == (2, 6)
    assert bool((visible.diff(dim=1) > 0).all())
    assert torch.equal((visible // 4).sum(dim=1), torch.tensor([3, 3]))
    assert parity_internvideo2.mlp_width(1408, "48/11") == 6144
    assert parity_internvideo2.mlp_width(64, 48 / 11) == 279
