"""The training configuration as a whole. Each section is defined beside what it configures."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from curation.base.config import Config, operational
from training.checkpoints.config import CheckpointConfig
from training.data_config import DataConfig
from training.engines.config import DdpConfig, EngineConfig
from training.logs.metrics import LoggingConfig
from training.models.encoder_config import EncoderConfig
from training.objectives.config import ObjectiveConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.optimizer import OptimizerConfig, ScheduleConfig, learning_rate


class TrainConfig(Config):
    """One training run: samples from shards, a model, what it learns, and for how long."""

    name: str = operational("train", description="Name of the run in logs.", min_length=1, max_length=100)
    data: DataConfig = Field(..., description="Where samples come from.")
    model: EncoderConfig = Field(EncoderConfig(), description="The video encoder.")
    initial_weights: str | None = operational(
        None,
        description="Released or converted checkpoint whose weights the model starts from, path of a file or "
        "folder; null: random weights.",
    )
    objective: ObjectiveConfig = Field(MaskedPixelsConfig(), description="What the encoder is trained to do.")
    engine: EngineConfig = Field(DdpConfig(), description="How the model runs on one process or many.")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="The optimizer.")
    schedule: ScheduleConfig = Field(ScheduleConfig(), description="The learning rate's course.")
    steps: int = Field(..., description="Optimizer steps of the whole run.", ge=1)
    batch_size: int = Field(..., description="Clips per step, over all processes.", ge=1, le=1_048_576)
    seed: int = Field(0, description="Seed of weights, sample order, crops and masks.", ge=0, lt=2**63)
    checkpoint: CheckpointConfig = operational(
        CheckpointConfig(), description="When checkpoints are written."
    )
    logging: LoggingConfig = operational(LoggingConfig(), description="What is logged how often.")
    device: Literal["cpu", "cuda"] = operational("cpu", description="Where the model is trained.")
    num_threads: int | None = operational(
        None,
        description="CPU threads of the model; default: all cores. Losses repeat bit for bit only with the "
        "same number.",
        ge=1,
        le=1024,
    )

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step, counted from 1."""
        rate = learning_rate(step, self.steps, self.optimizer.peak_learning_rate, self.schedule)
        return rate * self.optimizer.rate_factor(self.batch_size)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.objective, MaskedPixelsConfig):
            # That teachers fit is seen when they are looked up, which may need files or a network.
            self.objective.check(self.model)
        if self.schedule.warmup_steps >= self.steps:
            raise ValueError(
                f"schedule.warmup_steps = {self.schedule.warmup_steps} leaves nothing of "
                f"steps = {self.steps}. Set warmup_steps below steps."
            )
        if self.schedule.final_learning_rate > self.optimizer.peak_learning_rate:
            raise ValueError(
                f"schedule.final_learning_rate = {self.schedule.final_learning_rate} is above "
                f"optimizer.peak_learning_rate = {self.optimizer.peak_learning_rate}. Lower the final one."
            )
        return self
