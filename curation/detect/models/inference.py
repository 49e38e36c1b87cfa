"""From arrays to a torch model and back."""

from __future__ import annotations

import torch
from torch import nn

from curation.detect.windows import Floats, Frames, Predict


def predict_with(module: nn.Module, device: str = "cpu") -> Predict:
    """The function that `windows.predictions` calls: uint8 windows [B, T, 27, 48, 3] to two logits [B, T]."""
    module = module.to(device).eval()

    def predict(windows: Frames) -> tuple[Floats, Floats]:
        with torch.inference_mode():
            one_hot, many_hot = module(torch.from_numpy(windows).to(device))
        return one_hot.float().cpu().numpy(), many_hot.float().cpu().numpy()

    return predict
