"""The student beside numbers of the published models, where they are, and beside a file made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import parity, parity_internvideo2
from tests.conftest import SHARED_MEDIA

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
    """A file of the same kind with our own numbers."""
    settings = parity_internvideo2.checked_settings(SETTINGS | changes)
    model = parity_internvideo2.built_model(settings)
    layout = {key: list(value.shape) for key, value in model.state_dict().items()}
    parity_internvideo2.load(model, layout)
    outputs = {}
    for name, values in parity_internvideo2.computed_outputs(model, kind, settings):
        flat = values.double().flatten()
        outputs[name] = {
            "shape": list(values.shape),
            "mean": flat.mean().item(),
            "std": flat.std().item(),
            "l2": flat.norm().item(),
            "at": {"0": flat[0].item(), "7": flat[7].item()},
        }
    return {"kind": kind, "config": SETTINGS | changes, "state_dict": layout, "outputs": outputs}


def run(tmp_path: Path, content: object) -> int:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps(content))
    return parity.main([str(path)])


@pytest.mark.parametrize("own_positions", [True, False])
def test_video_image_and_mask_are_compared(tmp_path: Path, *, own_positions: bool) -> None:
    content = document(sep_image_video_pos_embed=own_positions)
    names = [f"{view}{name}" for view in ("", "image_", "masked_") for name in ("tokens", "clip_final")]
    assert set(names) <= content["outputs"].keys()
    assert content["outputs"]["masked_tokens"]["shape"] == [2, 1 + 2 * 3, 32]
    assert run(tmp_path, content) == 0


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
        ({"config": {"depth": 3}}, "config lacks attn_pool_num_heads"),
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
