"""Objectives with fake teachers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.training.objectives.fakes import STUDENT, FakeTeacher
from training.objectives import distillation, open_cache
from training.objectives.distillation import Distillation
from training.objectives.distillation_config import DistillationConfig
from training.views.augmentation_config import AugmentationConfig


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Distillation]:
    """Builds an objective from `fake_config`, with the same weights each time."""
    monkeypatch.setattr(distillation, "build_teacher", lambda config, encoder, device: FakeTeacher(config))
    monkeypatch.setattr(open_cache, "weights_digest", lambda teacher: teacher.weights)

    def objective(config: DistillationConfig, **augmentation: object) -> Distillation:
        torch.manual_seed(0)
        crops = AugmentationConfig.model_validate(augmentation)
        return Distillation(config, STUDENT, crops, torch.device("cpu"))

    return objective
