"""Classifiers have the layout of the fine-tuned files."""

from __future__ import annotations

import torch

from tests.training.models.small import SMALL, video
from training.models.classifier import VideoClassifier
from training.models.classifier_config import ClassifierConfig
from training.models.encoder import VideoEncoder


def classifier(**changes: object) -> VideoClassifier:
    torch.manual_seed(0)
    return VideoClassifier(SMALL, ClassifierConfig.model_validate({"num_classes": 7, **changes}))


def test_layout_is_that_of_the_fine_tuned_files() -> None:
    encoder = list(VideoEncoder(SMALL).state_dict())
    head = ["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"]
    mlp = [f"extra_mlp.{layer}.{kind}" for layer in ("0", "1.fc1", "1.fc2") for kind in ("weight", "bias")]
    assert list(classifier().state_dict()) == encoder + head
    attentive = classifier(extra_mlp=True).state_dict()
    assert list(attentive) == encoder + mlp + head
    assert attentive["extra_mlp.1.fc1.weight"].shape == (4 * 24, 24)


def test_scores_come_from_the_normalised_pooled_vector() -> None:
    model = classifier(dropout=0.5).eval()
    pooled = VideoEncoder.forward(model, video()).pooled_BP
    assert pooled is not None
    expected = torch.nn.functional.layer_norm(pooled, (24,)) @ model.head.weight.T
    torch.testing.assert_close(model(video()), expected)
    assert model(video()).abs().max() < 0.01


def test_the_extra_mlp_starts_without_effect() -> None:
    model = classifier(extra_mlp=True)
    plain = classifier()
    plain.load_state_dict({key: model.state_dict()[key] for key in plain.state_dict()})
    assert torch.equal(model(video()), plain(video()))
    assert model.extra_mlp is not None
    torch.nn.init.normal_(model.extra_mlp[1].fc2.weight)
    assert not torch.allclose(model(video()), plain(video()), rtol=0.1, atol=0)
