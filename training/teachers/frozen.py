"""What all teachers share: they look in parts, at their own colours and precision, without gradients.

Shape suffixes: see `teacher.py`; F = B * T frames.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.teachers.config import (
    EmaConfig,
    HuggingFaceConfig,
    InternVideo2Config,
    InternVlConfig,
    VideoMaeConfig,
)
from training.teachers.teacher import TeacherSpec, TeacherTargets
from training.views.augmentation import IMAGENET_MEAN, IMAGENET_STD

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Mean and standard deviation of each colour, in 0..1, that a model was trained with."""

    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD


class FrozenTeacher(ABC):
    """A model in evaluation mode that looks at a few clips at a time. Subclasses say how."""

    def __init__(
        self,
        config: InternVlConfig | VideoMaeConfig | InternVideo2Config | HuggingFaceConfig | EmaConfig,
        spec: TeacherSpec,
        model: nn.Module,
        colours: Colours | None = None,
    ) -> None:
        self.spec = spec
        self.dtype = DTYPES[config.precision]
        self._micro_batch_size = config.micro_batch_size
        model.eval().requires_grad_(False)
        self._device = next(model.parameters()).device
        colours = colours or Colours()
        self._mean_C111 = torch.tensor(colours.mean, device=self._device).view(3, 1, 1, 1)
        self._std_C111 = torch.tensor(colours.std, device=self._device).view(3, 1, 1, 1)

    def __call__(self, video_BCTHW: Tensor) -> TeacherTargets:
        """Look at clips of `spec.num_frames` frames of `spec.size_px`, colours in 0..1 (float)."""
        spec = self.spec
        wanted = (3, spec.num_frames, spec.size_px, spec.size_px)
        assert video_BCTHW.shape[1:] == wanted, f"{spec.name} wants {wanted}, not {video_BCTHW.shape[1:]}"
        assert video_BCTHW.is_floating_point(), video_BCTHW.dtype
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            parts = [
                self._look(self._normalised(part_BCTHW))
                for part_BCTHW in torch.split(video_BCTHW, self._micro_batch_size or len(video_BCTHW))
            ]
            return _joined(parts)

    @abstractmethod
    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        """Targets of some clips, their colours normalised, in the teacher's dtype."""

    def _normalised(self, video_BCTHW: Tensor) -> Tensor:
        return ((video_BCTHW.float() - self._mean_C111) / self._std_C111).to(self.dtype)


def unit(x: Tensor) -> Tensor:
    """Vectors of length 1 along the last axis, computed in float32, in the dtype of the input."""
    return functional.normalize(x.float(), dim=-1).to(x.dtype)


def unit_layers(layers_KBLD: Iterable[Tensor]) -> Tensor:
    """The same for features of several layers, one after the other to spare memory."""
    return torch.stack([unit(layer_BLD) for layer_BLD in layers_KBLD])


def attention_of_frames(weights_FN: Tensor, slots: int) -> Tensor:
    """Attention over the patches of frames that were seen one by one: float32 [B, T, N], sum 1 over N."""
    weights_FN = weights_FN.float()
    share_FN: Tensor = weights_FN / weights_FN.sum(dim=-1, keepdim=True)
    return share_FN.view(-1, slots, share_FN.shape[-1])


def attention_of_clips(weights_BL: Tensor, slots: int) -> Tensor:
    """Attention over the patches of clips: float32 [B, T, N], sum T over both, so that frames may differ."""
    weights_BL = weights_BL.float()
    share_BL: Tensor = weights_BL / weights_BL.sum(dim=-1, keepdim=True)
    return (share_BL * slots).view(len(share_BL), slots, -1)


def by_clip(x_FLD: Tensor, batch: int, prefix_tokens: int) -> Tensor:
    """Tokens of frames as those of clips: class tokens (if any) averaged, patches one frame after another."""
    x_BTLD = x_FLD.reshape(batch, -1, *x_FLD.shape[1:])
    patches_BLD = x_BTLD[:, :, prefix_tokens:].flatten(1, 2)
    if not prefix_tokens:
        return patches_BLD
    class_B1D = x_BTLD[:, :, :1].float().mean(dim=1).to(x_FLD.dtype)
    return torch.cat([class_B1D, patches_BLD], dim=1)


def compile_blocks(blocks: nn.ModuleList) -> None:
    """Compile each block on its own: they are alike, so that one compilation serves all."""
    for block in blocks:
        block.compile()


def _joined(parts: list[TeacherTargets]) -> TeacherTargets:
    if len(parts) == 1:
        return parts[0]
    return TeacherTargets(
        middle_KBLD=torch.cat([part.middle_KBLD for part in parts], dim=1),
        final_BD=_concatenated([part.final_BD for part in parts]),
        attention_BTN=_concatenated([part.attention_BTN for part in parts]),
    )


def _concatenated(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None
