"""The student of stage 1 without its teachers: what is learned is drawn once and lies on the device.

Shape suffixes: R rows, K layers, L tokens, P patches, D width; B T H W C as everywhere.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shards.reading import Position
from training.batch import Batch
from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.config import DdpConfig
from training.engines.engine import Engine
from training.engines.ranks import Ranks
from training.estimate.cost import GIGA, Cost
from training.models import flops
from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig
from training.objectives.distillation import MaskedViews, distance
from training.objectives.targets import Targets
from training.optimizer import OptimizerConfig
from training.randomness import Draw
from training.step import Trainee
from training.views.augmentation import Look, augment, draw_crops, normalise
from training.views.augmentation_config import AugmentationConfig
from training.views.masking import visible_patches
from training.views.masking_config import MaskConfig

Precision = Literal["fp32", "bf16"]
MASK = MaskConfig(kind="random")
"""52 of 256 patches of each of 8 frames, with the class token 417 tokens."""
HEADS = StudentConfig(
    middle=HeadConfig(layers=6, width=3200),
    final=FinalHeadConfig(width=768),
    motion=HeadConfig(layers=4, width=1408, kind="mlp"),
)
"""Those of InternVideo2's stage 1, for InternVL-C and VideoMAEv2-g."""
RATE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a student is run: clips of a step and of a pass, and what else changes its speed."""

    size: Literal["S", "B", "L", "1B"]
    batch_size: int
    micro_batch_size: int
    checkpointed_blocks: int = 0
    precision: Precision = "bf16"
    compile: bool = False
    attention: Literal["sdpa", "flash"] = "sdpa"
    size_px: int = 224

    @property
    def encoder(self) -> EncoderConfig:
        """The model; a quarter-size picture is for machines without a GPU."""
        return EncoderConfig(
            size=self.size,
            size_px=self.size_px,
            attention=self.attention,
            checkpointed_blocks=self.checkpointed_blocks,
        )

    @property
    def flops_per_clip(self) -> float:
        """FLOPs of a clip's forward and backward pass, without what is computed again."""
        return cost(self).student_flops

    def halved(self) -> Setting | None:
        """The same in passes of half as many clips, None if a pass has one."""
        if self.micro_batch_size == 1:
            return None
        return replace(self, micro_batch_size=self.micro_batch_size // 2)


def cost(setting: Setting) -> Cost:
    """What a clip costs the student."""
    visible = MASK.num_visible(setting.encoder.grid)
    return Cost(student_gmacs=flops.student_macs(setting.encoder, HEADS, visible) / GIGA)


class StudentOnly:
    """Real views and random masks; targets of length 1 that were drawn once for each number of rows."""

    model: nn.Module

    def __init__(self, encoder: EncoderConfig, device: torch.device) -> None:
        self._encoder = encoder
        self._device = device
        self._features: dict[int, Targets] = {}
        self.model = Student(encoder, HEADS).to(device)

    @torch.no_grad()
    def prepare(self, video_BTHWC: Tensor, draws: Sequence[Draw]) -> MaskedViews:
        """Crop, mirror, mask."""
        size_px = self._encoder.size_px
        crops = draw_crops(draws, AugmentationConfig(), video_BTHWC.shape[2], size_px)
        (own,) = augment(video_BTHWC, crops, [Look(self._encoder.num_frames, size_px)])
        visible_RP = visible_patches(
            draws, self._encoder.grid, MASK, masks_per_view=1, attention_BTN=None, device=self._device
        )
        targets = replace(self._targets(visible_RP), visible_RP=visible_RP)
        return MaskedViews(video_RCTHW=normalise(own), targets=targets)

    def terms(self, forward: Callable[..., Any], prepared: MaskedViews) -> dict[str, Tensor]:
        """The three distances of stage 1."""
        targets = prepared.targets
        told = forward(prepared.video_RCTHW, targets.visible_RP)
        assert targets.final_RD is not None
        assert targets.motion_KRPD is not None
        return {
            "middle": distance(told.middle_KBLD, targets.middle_KRLD),
            "final": distance(told.final_BD.unsqueeze(0), targets.final_RD.unsqueeze(0)),
            "motion": distance(told.motion_KBLD, targets.motion_KRPD),
        }

    def after_step(self) -> None:
        """Nothing follows the weights."""

    def tensors(self) -> dict[str, Tensor]:
        """Nothing but the model."""
        return {}

    def close(self) -> None:
        """Nothing is held."""

    def _targets(self, visible_RP: Tensor) -> Targets:
        rows, patches = visible_RP.shape
        if rows not in self._features:
            assert HEADS.final is not None
            assert HEADS.motion is not None
            self._features[rows] = Targets(
                visible_RP=visible_RP,
                middle_KRLD=self._drawn(HEADS.middle.layers, rows, patches + 1, HEADS.middle.width),
                final_RD=self._drawn(rows, HEADS.final.width),
                motion_KRPD=self._drawn(HEADS.motion.layers, rows, patches, HEADS.motion.width),
            )
        return self._features[rows]

    def _drawn(self, *shape: int) -> Tensor:
        """Half precision on a GPU, as teachers answer there."""
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        return functional.normalize(torch.randn(shape, device=self._device, dtype=dtype), dim=-1)


def open_trainee(setting: Setting, ranks: Ranks) -> Trainee:
    """A student of random weights on the DDP engine with fused AdamW."""
    torch.manual_seed(0)
    arithmetic = BatchArithmetic(setting.batch_size, ranks.world_size, setting.micro_batch_size)
    config = DdpConfig(
        precision=setting.precision, micro_batch_size=setting.micro_batch_size, compile=setting.compile
    )
    objective = StudentOnly(setting.encoder, ranks.device)
    engine = build_engine(config, OptimizerConfig(), objective.model, ranks, arithmetic)
    return Trainee(objective=objective, engine=engine, ranks=ranks, arithmetic=arithmetic)


class BareStep:
    """Forward, backward and update on rows that lie ready on the device, pass by pass; call it for a step."""

    def __init__(self, trainee: Trainee, setting: Setting) -> None:
        self._engine: Engine = trainee.engine
        self._terms = trainee.objective.terms
        self._passes = trainee.arithmetic.accumulation
        clips = random_batch(setting.micro_batch_size, setting.encoder.num_frames, setting.size_px)
        video_uint8 = clips.video_uint8.to(trainee.ranks.device)
        self._rows = trainee.objective.prepare(video_uint8, clips.draws)

    def __call__(self) -> float:
        """The norm of the gradient, which the processor waits for."""
        for number in range(1, self._passes + 1):
            terms = self._terms(self._engine.forward, self._rows)
            loss = torch.stack(list(terms.values())).sum()
            self._engine.backward(loss, last=number == self._passes)
        return self._engine.step(RATE)


def random_batch(rows: int, num_frames: int, frame_px: int, number: int = 0) -> Batch:
    """A batch of noise, as a loader gives it; the number decides what is drawn for it."""
    generator = torch.Generator().manual_seed(number)
    shape = (rows, num_frames, frame_px, frame_px, 3)
    video_uint8 = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return Batch(
        video_uint8=video_uint8,
        draws=tuple(Draw(0, 0, f"clip{number}-{row}") for row in range(rows)),
        positions=tuple(Position(slot) for slot in range(rows)),
        epoch=0,
        stream={},
        damaged=0,
    )


@contextmanager
def joined(device: Literal["cpu", "cuda"]) -> Iterator[Ranks]:
    """This process alone, on a device.

    Raises:
        SystemExit: there is no such device.
    """
    try:
        ranks = Ranks.join(device)
    except ValueError as error:
        raise SystemExit(f"{error} (--device cpu measures this machine)") from error
    with closing(ranks):
        yield ranks


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_memory() -> None:
    """Give back what models that are gone have held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def flops_per_step(setting: Setting) -> float:
    """FLOPs of a step of all its clips."""
    return setting.batch_size * setting.flops_per_clip
