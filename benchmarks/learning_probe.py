"""An attentive probe of a frozen encoder, and how many directions its features take up.

Shape suffixes: N clips, B batch, C colour, T frames, H W pixels, L tokens, D width, K classes.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.motion_clips import MOTIONS, MotionClips
from training.models.encoder import VideoEncoder
from training.models.layers import Linear
from training.models.pooling import AttentionPool
from training.views.augmentation import normalise

HEADS = 4
BATCH_SIZE = 64
CLIPS_AT_ONCE = 128
WEIGHT_DECAY = 0.01
WARM_UP = 0.1
"""Share of the steps over which the learning rate rises."""


@dataclass(frozen=True, kw_only=True)
class ProbeBudget:
    """What every encoder's probe may use: a learning rate is chosen by clips that were set aside."""

    epochs: int = 30
    rates: tuple[float, ...] = (1e-3, 3e-3)
    set_aside: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Accuracies on held-out clips, 0..1, as they are and with frames shuffled; the rate that was chosen."""

    accuracy: float
    shuffled: float
    rate: float


class AttentiveProbe(nn.Module):
    """Attention pooling as encoders have it, a norm and a linear map: all that learns in a probe."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = AttentionPool(width, HEADS, width)
        self.norm = nn.LayerNorm(width)
        self.head = Linear(width, len(MOTIONS))

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Scores of the motions: [B, K]."""
        pooled_BD, _ = self.pool(x_BLD)
        scores_BK: Tensor = self.head(self.norm(pooled_BD))
        return scores_BK


@torch.no_grad()
def features(encoder: VideoEncoder, video_NTHWC: NDArray[np.uint8]) -> Tensor:
    """The tokens of whole clips, none hidden: [N, L, D]."""
    encoder.eval()
    parts = torch.from_numpy(video_NTHWC).split(CLIPS_AT_ONCE)
    return torch.cat(
        [encoder(normalise(part.permute(0, 4, 1, 2, 3).float() / 255)).tokens_BLD for part in parts]
    )


def probe(
    encoder: VideoEncoder, labelled: MotionClips, held_out: MotionClips, *, seed: int, budget: ProbeBudget
) -> Probed:
    """Train a probe on labelled clips, try it on held-out ones."""
    learned_NLD, labels_N = features(encoder, labelled.video_uint8), torch.from_numpy(labelled.labels)
    rate = _best_rate(learned_NLD, labels_N, seed, budget)
    trained = train_probe(learned_NLD, labels_N, rate, seed, budget.epochs)
    told = {
        name: _accuracy(trained, features(encoder, clips.video_uint8), torch.from_numpy(clips.labels))
        for name, clips in (("ordered", held_out), ("shuffled", held_out.shuffled(seed)))
    }
    return Probed(accuracy=told["ordered"], shuffled=told["shuffled"], rate=rate)


def train_probe(x_NLD: Tensor, labels_N: Tensor, rate: float, seed: int, epochs: int) -> AttentiveProbe:
    """A probe after so many passes over the features; warm-up, then a cosine."""
    torch.manual_seed(seed)
    trained = AttentiveProbe(x_NLD.shape[-1])
    optimizer = torch.optim.AdamW(trained.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    per_epoch = max(1, len(x_NLD) // BATCH_SIZE)
    steps = epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / (WARM_UP * steps)) * (1 + math.cos(math.pi * step / steps)) / 2,
    )
    for _ in range(epochs):
        for rows_B in torch.randperm(len(x_NLD)).split(BATCH_SIZE)[:per_epoch]:
            loss = functional.cross_entropy(trained(x_NLD[rows_B]), labels_N[rows_B])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return trained


def effective_rank(encoder: VideoEncoder, clips: MotionClips) -> float:
    """How many directions the mean tokens of clips take up: e to the entropy of the singular values' shares.

    (Roy & Vetterli, "The effective rank", EUSIPCO 2007, of the features less their mean.)
    """
    x_ND = features(encoder, clips.video_uint8).mean(dim=1).double()
    values_D = torch.linalg.svdvals(x_ND - x_ND.mean(dim=0))
    shares_D = values_D / values_D.sum()
    return math.exp(torch.special.entr(shares_D).sum().item())


def _best_rate(x_NLD: Tensor, labels_N: Tensor, seed: int, budget: ProbeBudget) -> float:
    if len(budget.rates) == 1:
        return budget.rates[0]
    kept = round(len(x_NLD) * (1 - budget.set_aside))

    def score(rate: float) -> float:
        trained = train_probe(x_NLD[:kept], labels_N[:kept], rate, seed, budget.epochs)
        return _accuracy(trained, x_NLD[kept:], labels_N[kept:])

    return max(budget.rates, key=score)


@torch.no_grad()
def _accuracy(trained: AttentiveProbe, x_NLD: Tensor, labels_N: Tensor) -> float:
    told = torch.cat([trained(part).argmax(dim=-1) for part in x_NLD.split(CLIPS_AT_ONCE)])
    return (told == labels_N).float().mean().item()
