"""Teachers that are encoders of this trainer teach a student, with kept targets and without."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.training.objectives.fakes import STUDENT
from tests.training.objectives.test_distillation import DRAWS, clips
from training.models.encoder import VideoEncoder
from training.objectives import distillation
from training.objectives.build import build_objective
from training.objectives.config import ObjectiveConfig
from training.objectives.distillation import Distillation
from training.objectives.distillation_config import DistillationConfig
from training.objectives.open_cache import weights_digest
from training.released.description import EncoderDescription, to_json
from training.views.augmentation_config import AugmentationConfig

CPU = torch.device("cpu")


def folder(path: Path, seed: int) -> str:
    """An encoder with pooling, as wide as the student."""
    torch.manual_seed(seed)
    path.mkdir()
    tensors = {name: tensor.contiguous() for name, tensor in VideoEncoder(STUDENT).state_dict().items()}
    save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text(to_json(EncoderDescription(encoder=STUDENT)))
    return str(path)


@pytest.fixture
def config(tmp_path: Path) -> DistillationConfig:
    teachers = {
        name: {
            "kind": "internvideo2",
            "weights": folder(tmp_path / name, seed),
            "layers": 2,
            "precision": "fp32",
        }
        for seed, name in enumerate(("teacher", "motion_teacher"))
    }
    return DistillationConfig.model_validate({"kind": "distill", "masks_per_view": 2, **teachers})


def objective(config: ObjectiveConfig) -> Distillation:
    torch.manual_seed(0)
    built = build_objective(config, STUDENT, AugmentationConfig(), CPU)
    assert isinstance(built, Distillation)
    return built


def test_two_teachers_teach(config: DistillationConfig) -> None:
    trained = objective(config)
    prepared = trained.prepare(clips()[:, :4], DRAWS)
    assert prepared.targets.middle_KRLD.shape == (2, 12, 1 + 4 * 4, 64)
    assert prepared.targets.motion_KRPD.shape == (2, 12, 4 * 4, 64)
    terms = trained.terms(trained.model, prepared)
    assert list(terms) == ["middle", "final", "motion"]
    torch.stack(list(terms.values())).sum().backward()
    assert all(weight.grad is not None for weight in trained.model.parameters())


def test_masks_follow_where_the_teacher_looks(
    config: DistillationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = distillation.build_teacher

    def staring(teacher: object, *others: object) -> object:
        """A teacher whose pooling looks at the first row of patches."""
        loaded = build(teacher, *others)

        def look(video: torch.Tensor) -> object:
            seen = loaded(video)
            attention = torch.full_like(seen.attention_BTN, 1e-6)
            attention[:, :, :4] = 0.25
            return type(seen)(middle_KBLD=seen.middle_KBLD, final_BD=seen.final_BD, attention_BTN=attention)

        look.spec = loaded.spec
        return look

    monkeypatch.setattr(distillation, "build_teacher", staring)
    prepared = objective(config).prepare(clips()[:, :4], DRAWS)
    assert (prepared.targets.visible_RP % 16 < 4).float().mean() > 0.98


def test_kept_targets_serve_while_the_weights_stay(config: DistillationConfig, tmp_path: Path) -> None:
    cached = DistillationConfig.model_validate(
        config.model_dump() | {"target_cache": {"folder": str(tmp_path / "kept")}}
    )

    def made() -> int:
        """How many entries a run adds."""
        before = len(list((tmp_path / "kept").rglob("*.safetensors")))
        trained = objective(cached)
        trained.prepare(clips()[:, :4], DRAWS)
        trained.close()
        return len(list((tmp_path / "kept").rglob("*.safetensors"))) - before

    assert [made(), made()] == [6, 0]
    before = weights_digest(cached.teacher)
    path = tmp_path / "teacher" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert weights_digest(cached.teacher) != before
    assert made() == 6


def test_missing_weights_are_told_before_training(config: DistillationConfig, tmp_path: Path) -> None:
    (tmp_path / "motion_teacher" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="motion_teacher"):
        objective(config)
    elsewhere = config.teacher.model_copy(update={"weights": str(tmp_path / "nowhere")})
    with pytest.raises(ValueError, match=r"nowhere, do not exist\. Give their path"):
        weights_digest(elsewhere)
    assert weights_digest(elsewhere.model_copy(update={"weights_sha256": "a" * 64})) == "a" * 64


def test_positions_of_images_are_not_trained() -> None:
    encoder = STUDENT.model_copy(update={"image_positions": True})
    config = DistillationConfig.model_validate(
        {"kind": "distill", "teacher": {"kind": "ema"}, "mask": {"kind": "random"}}
    )
    trained = build_objective(config, encoder, AugmentationConfig(), CPU)
    prepared = trained.prepare(clips()[:, :4], DRAWS)
    torch.stack(list(trained.terms(trained.model, prepared).values())).sum().backward()
    still = {name for name, weight in trained.model.named_parameters() if weight.grad is None}
    assert {name for name in still if "clip_projector" not in name} == {"img_pos_embed", "clip_img_pos_embed"}
    assert not any(weight.requires_grad for name, weight in trained.model.named_parameters() if name in still)
