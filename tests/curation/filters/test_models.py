"""Filters behind models: how ratings are made and summed up, what is refused, and real loading."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from curation.base.workspace import Workspace
from curation.embedding.clip_model import ClipModel
from curation.filters.config import FiltersConfig
from curation.filters.linear_head import LinearHead
from curation.filters.stages import filter_stages
from curation.pretrained import Pretrained
from curation.records import CutClip
from tests.curation.filters.made import made, score_of, stage_of

NSFW = {"classifier": {"model": "/models/nsfw"}, "unsafe_labels": ["nsfw"]}


def plain(level: int) -> np.ndarray:
    return np.full((64, 96, 3), level, np.uint8)


def clip_of_levels(workspace: Workspace, levels: list[int], name: str = "0") -> CutClip:
    """A clip whose kept frames are plain, of these luma levels."""
    return made(workspace, [plain(level) for level in levels], 1, name=name)


class Brightness(torch.nn.Module):
    """Puts out the logit of the mean brightness (0..1) for its second label, 0 for the first."""

    device = "cpu"

    def __init__(self, labels: list[str], problem_type: str | None = None) -> None:
        super().__init__()
        self.config = SimpleNamespace(id2label=dict(enumerate(labels)), problem_type=problem_type)
        self.calls: list[int] = []

    def forward(self, pixel_values: torch.Tensor) -> Any:
        self.calls.append(len(pixel_values))
        light = torch.logit(pixel_values.flatten(1).mean(1).clamp(0.001, 0.999))
        outputs = [torch.zeros_like(light), light][-len(self.config.id2label) :]
        return SimpleNamespace(logits=torch.stack(outputs, 1))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Brightness:
    made_up = Brightness(["normal", "nsfw"])

    def processor(images: list[np.ndarray], **_: object) -> dict[str, torch.Tensor]:
        assert all(image.dtype == np.uint8 and image.shape[-1] == 3 for image in images)
        return {"pixel_values": torch.stack([torch.from_numpy(image) / 255 for image in images])}

    monkeypatch.setattr(Pretrained, "load", lambda self, auto_class, device: (processor, made_up))
    return made_up


def test_the_most_unsafe_frame_decides(workspace: Workspace, model: Brightness) -> None:
    clip = clip_of_levels(workspace, [26, 204, 51, 26])
    score = score_of("safety", clip, workspace, **NSFW)
    assert score.value == pytest.approx(0.8, abs=0.02)
    assert not score.passes
    assert score_of("safety", clip, workspace, **NSFW, max=0.9).passes


def test_frames_of_all_clips_go_through_the_model_together(workspace: Workspace, model: Brightness) -> None:
    clips = [clip_of_levels(workspace, [level] * 6, name=str(level)) for level in (51, 102, 153)]
    section = {**NSFW, "classifier": {"model": "/models/nsfw", "images_per_call": 8}}
    stage = stage_of("safety", workspace, **section, num_frames=3)
    assert [score.value for score in stage(clips)] == pytest.approx([0.2, 0.4, 0.6], abs=0.02)
    assert model.calls == [8, 1]


def test_an_unknown_label_is_refused_with_those_there_are(workspace: Workspace, model: Brightness) -> None:
    with pytest.raises(ValueError, match="no label 'porn'; choose from: normal, nsfw"):
        stage_of("safety", workspace, classifier={"model": "/models/nsfw"}, unsafe_labels=["porn"])


def test_labels_that_do_not_exclude_each_other(workspace: Workspace, model: Brightness) -> None:
    model.config.problem_type = "multi_label_classification"
    clip = clip_of_levels(workspace, [102] * 4)
    labels = {**NSFW, "unsafe_labels": ["nsfw", "normal"]}
    assert score_of("safety", clip, workspace, **NSFW).value == pytest.approx(0.4, abs=0.02)
    assert score_of("safety", clip, workspace, **labels).value == pytest.approx(0.9, abs=0.02)


def test_aesthetics_is_the_mean_of_the_frames(workspace: Workspace, model: Brightness) -> None:
    clip = clip_of_levels(workspace, [51, 102, 153, 204])
    section = {"kind": "classifier", "classifier": {"model": "/models/nsfw"}}
    score = score_of("aesthetics", clip, workspace, **section, label="nsfw")
    assert score.value == pytest.approx(0.5, abs=0.02)
    with pytest.raises(ValueError, match=r"several labels \(normal, nsfw\)"):
        stage_of("aesthetics", workspace, **section)
    model.config.id2label = {0: "rating"}
    assert score_of("aesthetics", clip, workspace, **section).value == pytest.approx(0, abs=0.05)


def laion_head(path: Path, width: int = 6) -> np.ndarray:
    """A head in the layout of the LAION predictor, and the one matrix that its layers make."""
    random = np.random.default_rng(0)
    sizes = [width, 10, 8, 5, 3, 1]
    product, tensors = np.eye(width), {}
    # Numbers as in a row of modules with dropouts in between; saved out of order.
    for number, (inner, outer) in list(zip((0, 2, 4, 6, 10), itertools.pairwise(sizes), strict=True)):
        weight = random.normal(size=(outer, inner)).astype(np.float32)
        tensors[f"layers.{number}.weight"] = weight
        tensors[f"layers.{number}.bias"] = np.zeros(outer, np.float32)
        product = weight @ product
    save_file(dict(reversed(tensors.items())), path)
    return product[0]


def test_a_head_of_linear_layers(tmp_path: Path) -> None:
    product = laion_head(tmp_path / "head.safetensors")
    vectors = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    head = LinearHead(str(tmp_path / "head.safetensors"))
    assert head.width == 6
    assert np.allclose(head(vectors), vectors @ product, rtol=1e-3, atol=1e-4)


def test_a_head_of_one_layer_with_a_bias(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    save_file({"weight": np.array([[1, 2]], np.float32), "bias": np.array([3], np.float32)}, path)
    assert LinearHead(str(path))(np.array([[1, 1]], np.float32)).tolist() == [6]


@pytest.mark.parametrize("shapes", [[(4, 6), (1, 5)], [(4, 6)], [(1, 3, 3, 3)], []])
def test_what_is_no_head_is_refused(tmp_path: Path, shapes: list[tuple[int, ...]]) -> None:
    path = tmp_path / "head.safetensors"
    save_file({f"layers.{n}.weight": np.zeros(shape, np.float32) for n, shape in enumerate(shapes)}, path)
    with pytest.raises(ValueError, match="no row of linear layers that ends in one number"):
        LinearHead(str(path))


def test_a_head_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"'/no/head\.safetensors': no such file"):
        LinearHead("/no/head.safetensors")


def test_aesthetics_by_vectors_and_a_head(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "head.safetensors"
    save_file({"weight": np.array([[10, 0]], np.float32), "bias": np.array([1], np.float32)}, path)
    monkeypatch.setattr(ClipModel, "setup", lambda self: None)
    monkeypatch.setattr(
        ClipModel,
        "embed",
        lambda self, images: np.stack([images.mean((1, 2, 3)) / 255, images[:, 0, 0, 0]], 1),
    )
    clips = [clip_of_levels(workspace, [51, 153], "a"), clip_of_levels(workspace, [102] * 3, "b")]
    stage = stage_of(
        "aesthetics", workspace, images={"model": "/models/clip"}, head=str(path), kind="clip", min=4
    )
    assert [score.value for score in stage(clips)] == pytest.approx([5, 5], abs=0.1)
    save_file({"weight": np.zeros((1, 3), np.float32)}, path)
    wide = stage_of("aesthetics", workspace, images={"model": "/models/clip"}, head=str(path), kind="clip")
    with pytest.raises(ValueError, match="takes vectors of 3 numbers, but model '/models/clip' gives 2"):
        list(wide(clips))


def test_without_transformers_the_message_names_package_and_model(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    stage = filter_stages(FiltersConfig.model_validate({"safety": NSFW}), workspace)[-1]
    for call in (stage.setup, stage.key):
        with pytest.raises(ValueError, match="'/models/nsfw' needs the package transformers"):
            call()


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("safety", {"classifier": {"model": "/models/none"}, "unsafe_labels": ["nsfw"]}),
        ("aesthetics", {"kind": "clip", "images": {"model": "/models/none"}, "head": "head"}),
    ],
)
def test_a_model_that_cannot_be_had_is_no_reason_to_choose_an_embedding(
    name: str, section: dict[str, Any], workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"weight": np.zeros((1, 3), np.float32)}, "head")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"'/models/none' needs .*, or take the filter out of the config"):
        stage_of(name, workspace, **section)


def test_a_gpu_is_reserved_where_one_is_asked_for(workspace: Workspace) -> None:
    gpus = []
    for device in ("auto", "cpu", "cuda"):
        section = {**NSFW, "classifier": {"model": "/models/nsfw", "device": device}}
        stage = filter_stages(FiltersConfig.model_validate({"safety": section}), workspace)[-1]
        gpus.append(stage.resources.gpus)
        assert stage.config.semantic()["classifier"].keys() == {"model", "revision"}
    assert gpus == [0, 0, 1]


def tiny(folder: Path, kind: str) -> str:
    """A model with random weights and its processor, saved as transformers saves them."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = {**size, "image_size": 32, "patch_size": 16}
    if kind == "clip":
        text = {**size, "vocab_size": 50, "projection_dim": 16}
        parts = {"vision_config": {**vision, "projection_dim": 16}, "text_config": text}
        transformers.CLIPModel(transformers.CLIPConfig(projection_dim=16, **parts)).save_pretrained(folder)
        crop = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
        transformers.CLIPImageProcessor(**crop).save_pretrained(folder)
    else:
        labels = {"id2label": {0: "normal", 1: "nsfw"}, "label2id": {"normal": 0, "nsfw": 1}}
        config = transformers.ViTConfig(**vision, **labels)
        transformers.ViTForImageClassification(config).save_pretrained(folder)
        transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


def test_a_real_classifier_is_loaded_from_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    section = {"classifier": {"model": tiny(tmp_path / "vit", "vit")}, "unsafe_labels": ["nsfw"]}
    clip = clip_of_levels(workspace, [40, 120, 200])
    value = score_of("safety", clip, workspace, **section).value
    both = {**section, "unsafe_labels": ["nsfw", "normal"]}
    assert 0 < value < 1
    assert score_of("safety", clip, workspace, **both).value == 1
    stage = stage_of("safety", workspace, **section)
    before = stage.key()
    (tmp_path / "vit" / "preprocessor_config.json").write_text("{}")
    assert stage.key() != before


def test_a_real_image_model_and_a_head_are_loaded(workspace: Workspace, tmp_path: Path) -> None:
    laion_head(tmp_path / "head.safetensors", width=16)
    section = {"kind": "clip", "images": {"model": tiny(tmp_path / "clip", "clip")}}
    stage = stage_of("aesthetics", workspace, **section, head=str(tmp_path / "head.safetensors"))
    clips = [clip_of_levels(workspace, [60, 90], "a"), clip_of_levels(workspace, [60, 90], "b")]
    one, other = stage(clips)
    assert one.value == other.value
    assert set(stage.fingerprints()) >= {"model", "head", "torch", "transformers"}


def test_weights_that_would_run_code_are_not_loaded(workspace: Workspace, tmp_path: Path) -> None:
    folder = Path(tiny(tmp_path / "vit", "vit"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    section = {"classifier": {"model": str(folder)}, "unsafe_labels": ["nsfw"]}
    with pytest.raises(ValueError, match=f"model '{folder}' cannot be loaded"):
        stage_of("safety", workspace, **section)
