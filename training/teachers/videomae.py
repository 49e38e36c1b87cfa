"""VideoMAEv2's encoder as a teacher of motion.

Shape suffixes: see `teacher.py`; N heads and H channels of a head inside a block.

Names of parameters are those of the released file (`encoder.*` there). Structure: VideoMAE V2 (arXiv
2303.16727) and its use as a teacher in InternVideo2 (section 3.1): LayerNorm with eps 1e-6, biases for q
and v but not for k, fixed positions, the final norm on the last block's output only.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.attention import attend
from training.models.encoder_config import EncoderConfig
from training.models.interpolation import interpolate_positions
from training.models.patch_embed import PatchProjection, cut_patches
from training.models.student_config import aligned_layers
from training.teachers.architectures import VIDEOMAE_G, VideoMaeArchitecture
from training.teachers.config import VideoMaeConfig
from training.teachers.frozen import DTYPES, FrozenTeacher, compile_blocks, unit_layers
from training.teachers.teacher import TeacherSpec, TeacherTargets
from training.teachers.weights import load_weights

NORM_EPS = 1e-6
POSITION_BASE = 10_000.0


class VideoMaeTeacher(FrozenTeacher):
    """Features of the last blocks; no class token, no pooled vector, no attention."""

    def __init__(self, config: VideoMaeConfig, spec: TeacherSpec, encoder: VideoMaeEncoder) -> None:
        super().__init__(config, spec, encoder)
        self._encoder = encoder
        self._blocks = aligned_layers(len(encoder.blocks), config.layers, config.interval)
        self._positions_1LD = grid_positions(encoder.architecture, spec.grid).to(self._device, self.dtype)
        if config.compile:
            compile_blocks(encoder.blocks)

    @classmethod
    def load(cls, config: VideoMaeConfig, student: EncoderConfig, device: torch.device) -> VideoMaeTeacher:
        """Read the released weights.

        Raises:
            ValueError: they are missing, or not those of this model.
        """
        with torch.device("meta"):
            encoder = VideoMaeEncoder(VIDEOMAE_G)
        load_weights(
            encoder, config, device, DTYPES[config.precision], kinds=("videomae",), adapt=lambda own: own
        )
        return cls(config, config.spec(student), encoder)

    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        layers = self._encoder(video_BCTHW, self._positions_1LD, self._blocks)
        return TeacherTargets(middle_KBLD=unit_layers(layers), final_BD=None, attention_BTN=None)


class VideoMaeEncoder(nn.Module):
    """Tubelets, fixed positions, pre-norm blocks and a final norm."""

    def __init__(self, architecture: VideoMaeArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.patch_embed = _PatchEmbed(architecture)
        self.blocks = nn.ModuleList(_Block(architecture) for _ in range(architecture.depth))
        self.norm = nn.LayerNorm(architecture.width, eps=NORM_EPS)

    def forward(self, video_BCTHW: Tensor, positions_1LD: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        """Outputs [B, L, D] of some blocks; only the last block's goes through the final norm."""
        x_BLD: Tensor = self.patch_embed(video_BCTHW) + positions_1LD
        found = []
        for index, block in enumerate(self.blocks):
            x_BLD = block(x_BLD)
            if index in blocks:
                found.append(self.norm(x_BLD) if index == len(self.blocks) - 1 else x_BLD)
        return found


def grid_positions(architecture: VideoMaeArchitecture, grid: tuple[int, int, int]) -> Tensor:
    """Positions [1, L, D] of a grid, interpolated where it is not the one that was trained."""
    trained = architecture.trained_grid
    table_1LD = position_table(math.prod(trained), architecture.width)
    return interpolate_positions(table_1LD, trained, grid, 0)


def position_table(positions: int, width: int) -> Tensor:
    """VideoMAE's positions: those of a sentence, counted through all patches of the clip; [1, L, D].

    Even channels are sines, odd ones cosines; the wavelength grows with each pair, base 10000.
    """
    frequency = POSITION_BASE ** (-2 * (np.arange(width) // 2) / width)
    angle = np.arange(positions)[:, None] * frequency
    table = np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle))
    return torch.from_numpy(table.astype(np.float32)).unsqueeze(0)


class _PatchEmbed(nn.Module):
    def __init__(self, architecture: VideoMaeArchitecture) -> None:
        super().__init__()
        self.patch = (architecture.tubelet_frames, architecture.patch_px, architecture.patch_px)
        self.proj = PatchProjection(3, architecture.width, kernel_size=self.patch, stride=self.patch)

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        x_BLD: Tensor = self.proj(cut_patches(video_BCTHW, self.patch))
        return x_BLD


class _Block(nn.Module):
    def __init__(self, architecture: VideoMaeArchitecture) -> None:
        super().__init__()
        width = architecture.width
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = _Attention(width, architecture.heads)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = _Mlp(width, architecture.mlp_width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        x_BLD = x_BLD + self.attn(self.norm1(x_BLD))
        y_BLD: Tensor = x_BLD + self.mlp(self.norm2(x_BLD))
        return y_BLD


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv_BLD = functional.linear(x_BLD, self.qkv.weight, bias)
        q_BLNH, k_BLNH, v_BLNH = (
            part_BLD.view(*part_BLD.shape[:2], self.heads, -1) for part_BLD in qkv_BLD.chunk(3, dim=-1)
        )
        y_BLD: Tensor = self.proj(attend(q_BLNH, k_BLNH, v_BLNH).flatten(2))
        return y_BLD


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden_width)
        self.fc2 = nn.Linear(hidden_width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        y_BLD: Tensor = self.fc2(functional.gelu(self.fc1(x_BLD)))
        return y_BLD
