"""TransNetV2 and AutoShot once more, from their state dicts alone: one frame and one branch at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]
BAND = 101


def transnetv2(state: State, frames: np.ndarray) -> dict[str, Tensor]:
    """Logits [T] of frames [T, 27, 48, 3]."""
    x, means = _scaled(frames), []
    for stage in range(3):
        cells = []
        for cell in range(2):
            path = f"SDDCNN.{stage}.DDCNN.{cell}"
            source = cells[0] if cells else x
            branches = [
                _temporal(
                    _spatial(source, state[f"{path}.Conv3D_{dilation}.layers.0.weight"]),
                    state[f"{path}.Conv3D_{dilation}.layers.1.weight"],
                    dilation,
                )
                for dilation in (1, 2, 4, 8)
            ]
            cells.append(_normalised(branches, state, f"{path}.bn").clamp(min=0))
        x = functional.avg_pool2d(cells[1] + cells[0], 2)
        means.append(x.mean((2, 3)))
    return _heads(state, "", "fc1", frames, x, means)


def autoshot(state: State, frames: np.ndarray) -> dict[str, Tensor]:
    """Logits [T] of frames [T, 27, 48, 3]."""
    x, means = _scaled(frames), []
    for pair in (("Layer_0_3", "Layer_1_8"), ("Layer_2_8", "Layer_3_8"), ("Layer_4_13", "Layer_5_12")):
        first = _autoshot_layer(state, pair[0], x)
        x = functional.avg_pool2d(first + _autoshot_layer(state, pair[1], first), 2)
        means.append(x.mean((2, 3)))
    return _heads(state, ".linear", "fc1_0", frames, x, means)


def _autoshot_layer(state: State, name: str, x: Tensor) -> Tensor:
    shared = f"{name}.share.weight" in state
    if shared:
        x = _spatial(x, state[f"{name}.share.weight"])
    branches = []
    for index in range(4 if name == "Layer_0_3" else 5):
        path = f"{name}.conv_blocks.{index}.layers"
        seen = x if shared else _spatial(x, state[f"{path}.0.weight"])
        branches.append(_temporal(seen, state[f"{path}.{0 if shared else 1}.weight"], 2**index))
    return _normalised(branches, state, f"{name}.batch_norm").clamp(min=0)


def _scaled(frames: np.ndarray) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2) / 255


def _spatial(x: Tensor, weight: Tensor) -> Tensor:
    return functional.conv2d(x, weight[:, :, 0], padding=1)


def _temporal(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    result = torch.zeros(len(x), len(weight), *x.shape[2:])
    for t in range(len(x)):
        for tap, other in ((0, t - dilation), (1, t), (2, t + dilation)):
            if 0 <= other < len(x):
                result[t] += (weight[:, :, tap, 0, 0] @ x[other].flatten(1)).view_as(result[t])
    return result


def _normalised(branches: list[Tensor], state: State, path: str) -> Tensor:
    x = torch.cat(branches, dim=1)
    mean, variance, gain, bias = (
        state[f"{path}.{name}"].view(1, -1, 1, 1)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-3).sqrt() * gain + bias


def _heads(
    state: State, deeper: str, hidden: str, frames: np.ndarray, x: Tensor, means: list[Tensor]
) -> dict[str, Tensor]:
    def linear(name: str, values: Tensor) -> Tensor:
        path = f"{name}{deeper}"
        return values @ state[f"{path}.weight"].T + state[f"{path}.bias"]

    learned = linear("frame_sim_layer.projection", torch.cat(means, 1))
    similar = linear("frame_sim_layer.fc", band(learned, BAND)).clamp(min=0)
    colors = linear("color_hist_layer.fc", band(histograms(frames), BAND)).clamp(min=0)
    pixels = x.permute(0, 2, 3, 1).flatten(1)
    features = linear(hidden, torch.cat([colors, similar, pixels], 1)).clamp(min=0)
    heads = {"one_hot": "cls_layer1", "many_hot": "cls_layer2"}
    return {output: linear(name, features)[:, 0] for output, name in heads.items()}


def band(x: Tensor, width: int) -> Tensor:
    """Cosine of every frame [T, D] to each of the `width` frames around it, 0 outside."""
    result = torch.zeros(len(x), width, dtype=x.dtype)
    for t in range(len(x)):
        for j in range(width):
            other = t + j - width // 2
            if 0 <= other < len(x):
                result[t, j] = x[t] @ x[other] / (x[t].norm() * x[other].norm())
    return result


def histograms(frames: np.ndarray) -> Tensor:
    """Counts of 512 colours in each frame [T, H, W, 3]."""
    counts = np.zeros((len(frames), 512))
    for number, frame in enumerate(frames):
        for red, green, blue in frame.reshape(-1, 3).astype(int) // 32:
            counts[number, red * 64 + green * 8 + blue] += 1
    return torch.from_numpy(counts).float()
