"""What a training config would cost, without training, weights or a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.config import TrainConfig
from training.data import open_stream
from training.engines.arithmetic import BatchArithmetic
from training.engines.config import DeepSpeedConfig
from training.engines.deepspeed_config import read_deepspeed_config
from training.estimate.activation_memory import Arithmetic, activation_bytes, input_bytes, teaching_bytes
from training.estimate.cost import Cost, clip_cost, visible_patches
from training.estimate.memory import BF16, FP32, StateMemory, state_memory
from training.estimate.model_size import ModelSize, model_size
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.optimizer import CLIPS_OF_PUBLISHED_RATES
from training.teachers.config import EmaConfig, TeacherConfig
from training.teachers.teacher import TeacherSpec

NO_DATA = "none"
"""data.train of a config that names no shards."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on one process's device. `activations` and `inputs` are those of a forward and backward pass,
    `teaching` is what teachers take before it; they are not there at the same time."""

    state: StateMemory
    activations: int
    inputs: int
    teacher_weights: int
    teaching: int

    @property
    def total(self) -> int:
        """The most at once."""
        passing = max(self.activations + self.inputs, self.teaching)
        return self.state.total + self.teacher_weights + passing


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a training would do and take.

    `num_samples` is a sentence where the shards cannot be looked at. `cost` is of a clip when no target is
    cached. Learning rates are the peak's: that of a step, and the same for 256 clips.
    """

    config: TrainConfig
    size: ModelSize
    teachers: Mapping[str, TeacherSpec]
    cost: Cost
    visible_tokens: int
    batch: BatchArithmetic
    learning_rate: float
    rate_per_256_clips: float
    num_samples: int | str
    memory: Memory

    @property
    def clips(self) -> int:
        """Clips of the whole training."""
        return self.config.steps * self.config.batch_size

    @property
    def epochs(self) -> float | None:
        """Passes over the data, where its size is known."""
        return None if isinstance(self.num_samples, str) else self.clips / self.num_samples

    @property
    def flops(self) -> float:
        """Work of the whole training; with a target cache, teachers look at each of its views once."""
        teacher_clips: float = self.clips
        cache = (
            None
            if isinstance(self.config.objective, MaskedPixelsConfig)
            else self.config.objective.target_cache
        )
        if cache is not None and not isinstance(self.num_samples, str):
            teacher_clips = min(teacher_clips, self.num_samples * cache.views)
        return self.clips * self.cost.student_flops + teacher_clips * self.cost.teacher_flops


def estimate(config: TrainConfig, world_size: int) -> DryRun:
    """Work everything out for so many processes, and look at the shards if they are there.

    Raises:
        ValueError: batch, teachers or DeepSpeed's config do not fit; the message says what to change.
    """
    objective, encoder = config.objective, config.model
    objective.check(encoder)
    batch = BatchArithmetic(config.batch_size, world_size, config.engine.micro_batch_size)
    specs = {} if isinstance(objective, MaskedPixelsConfig) else objective.specs(encoder)
    views = config.data.augmentation.views_per_clip
    cost = clip_cost(objective, encoder, config.data.augmentation)
    teacher_gmacs = views * sum(spec.gmacs_per_clip for spec in specs.values())
    factor = config.optimizer.rate_factor(config.batch_size)
    rate = config.optimizer.peak_learning_rate * factor
    size = model_size(objective, encoder)
    return DryRun(
        config=config,
        size=size,
        teachers=specs,
        cost=Cost(student_gmacs=cost.student_gmacs, teacher_gmacs=teacher_gmacs),
        visible_tokens=visible_patches(objective, encoder) + 1,
        batch=batch,
        learning_rate=rate,
        rate_per_256_clips=rate * CLIPS_OF_PUBLISHED_RATES / config.batch_size,
        num_samples=count_samples(config, world_size),
        memory=_memory(config, batch, size, specs),
    )


def count_samples(config: TrainConfig, world_size: int) -> int | str:
    """How many samples the data has, or why that cannot be known here.

    Raises:
        ValueError: the data is there, but so many processes cannot read it.
    """
    if config.data.train == NO_DATA:
        return "no shards are named, as --set data.train=RUN/shards does"
    try:
        stream = open_stream(
            config.data,
            seed=config.seed,
            batch_size=config.batch_size,
            num_ranks=world_size,
            agree=lambda _, version: version,
        )
    except OSError as error:
        return str(error)
    try:
        return stream.num_samples
    finally:
        stream.close()


def _memory(
    config: TrainConfig, batch: BatchArithmetic, size: ModelSize, specs: Mapping[str, TeacherSpec]
) -> Memory:
    objective, encoder, augmentation = config.objective, config.model, config.data.augmentation
    views = batch.per_pass * augmentation.views_per_clip
    masks = 1 if isinstance(objective, MaskedPixelsConfig) else objective.masks_per_view
    row = activation_bytes(objective, encoder, Arithmetic.of(config.engine))
    teachers = {} if isinstance(objective, MaskedPixelsConfig) else objective.teachers()
    return Memory(
        state=state_memory(config.engine, size, batch.world_size, _zero(config, batch)),
        activations=views * masks * row,
        inputs=batch.per_pass * input_bytes(objective, encoder, augmentation, config.data.frame_px),
        teacher_weights=sum(specs[name].parameters * _held(teacher) for name, teacher in teachers.items()),
        teaching=max(
            (
                teaching_bytes(
                    specs[name], views, teacher.micro_batch_size or views, BF16 if _low(teacher) else FP32
                )
                for name, teacher in teachers.items()
            ),
            default=0,
        ),
    )


def _low(teacher: TeacherConfig) -> bool:
    return teacher.precision == "bf16"


def _held(teacher: TeacherConfig) -> int:
    """Bytes of a weight; a moving average keeps float32."""
    return BF16 if _low(teacher) and not isinstance(teacher, EmaConfig) else FP32


def _zero(config: TrainConfig, batch: BatchArithmetic) -> Mapping[str, Any] | None:
    engine = config.engine
    if not isinstance(engine, DeepSpeedConfig):
        return None
    merged = read_deepspeed_config(
        engine.config, precision=engine.precision, optimizer=config.optimizer, arithmetic=batch
    )
    found: Mapping[str, Any] = merged["zero_optimization"]
    return found
