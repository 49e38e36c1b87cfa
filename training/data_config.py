"""Settings of where samples come from and how frames are taken from them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from curation.base.config import Config, operational
from shards.reading.cache_config import CacheConfig
from shards.reading.decode.config import DecoderConfig, PyavConfig
from shards.reading.sources import RETRY_S
from training.views.augmentation_config import AugmentationConfig

Urls = str | Annotated[tuple[str, ...], Field(min_length=1)]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$")]


class WeightFrom(Config):
    """A weight that holds from a step on."""

    from_step: int = Field(..., description="Step from which the weight holds, counted from 0.", ge=0)
    weight: float = Field(..., description="Weight, in relation to those of the other sources.", ge=0)


class MixtureSourceConfig(Config):
    """One data set of a mixture."""

    urls: Urls = operational(description="Its shards, as in data.train.")
    split: str = Field("train", description="Split of it that is trained on.", min_length=1)
    weight: float = Field(
        1.0,
        description="Weight in relation to those of the other sources: share = weight / sum of weights. "
        "With 0 it is left out.",
        ge=0,
    )
    schedule: tuple[WeightFrom, ...] = Field(
        (), description="Weights that change with the step, instead of `weight`; before the first it is 0."
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        steps = [one.from_step for one in self.schedule]
        if self.schedule and "weight" in self.model_fields_set:
            raise ValueError(f"weight = {self.weight} and a schedule: give one of them")
        if steps != sorted(set(steps)):
            raise ValueError(f"schedule: from_step = {', '.join(map(str, steps))} must rise")
        return self

    @property
    def weights(self) -> tuple[tuple[int, float], ...]:
        """Steps, and the weights that hold from them on."""
        return tuple((one.from_step, one.weight) for one in self.schedule) or ((0, self.weight),)


class DataConfig(Config):
    """Where samples come from and how frames are taken from them. Either `train` or `mixture` is given."""

    train: Urls | None = operational(
        None,
        description="URL of a run's shards folder, of its manifest.json, or of tars with their indexes; "
        "several as a list. On the command line: --set data.train=RUN/shards",
    )
    mixture: Annotated[dict[SourceName, MixtureSourceConfig], Field(min_length=1)] | None = operational(
        None,
        description="Several data sets by name, each with a share of the samples. Weights may change, and "
        "data sets come and go, when a training is continued: it is logged at which step.",
    )
    split: str = Field(
        "train",
        description="Split of `train` that is trained on; a mixture has one per data set.",
        min_length=1,
    )
    follow: bool = operational(
        False,
        description="Read the manifest again after each pass, and go on with the generations that are new in "
        "it, or where none is with all there are: train while curating.",
    )
    epoch_remainder: Literal["carry", "drop"] = Field(
        "carry",
        description="What is left of a pass when no whole batch fits any more: carry it into a batch with "
        "the first of the next pass, or drop it (other samples in each pass).",
    )
    cache: CacheConfig | None = operational(
        None, description="Keep whole remote shards on this machine; null: read what is needed by ranges."
    )
    frame_px: int = Field(
        256, description="Side of the decoded square that crops are taken from, in pixels.", ge=16, le=1024
    )
    sampling: Literal["segment", "uniform"] = Field(
        "segment",
        description="segment: a random frame of each equal stretch of the clip; uniform: its middle frame. "
        "An image sample is a clip whose frames are all that image.",
    )
    decoder: DecoderConfig = Field(PyavConfig(), description="What decodes video.")
    augmentation: AugmentationConfig = Field(AugmentationConfig(), description="Random crops and mirroring.")
    max_damaged_fraction: float = operational(
        0.01,
        description="Share of the samples drawn in a pass that may prove damaged before training stops; what "
        "chance explains in a few draws is borne too.",
        ge=0,
        le=1,
    )
    retry_s: float = operational(
        RETRY_S,
        description="How long faults of disk or network in a row are waited out before training stops, in "
        "seconds.",
        ge=0,
        le=86_400,
    )
    decode_threads: int = operational(2, description="Threads that decode video.", ge=1, le=256)
    prefetch_batches: int = operational(2, description="Batches kept ready for the trainer.", ge=1, le=64)

    @model_validator(mode="after")
    def _known_sources(self) -> Self:
        known = self.mixture or {}
        unknown = [name for name in self.augmentation.unmirrored_sources if name not in known]
        if unknown:
            raise ValueError(
                f"augmentation.unmirrored_sources names '{unknown[0]}', which is no data set of mixture "
                f"({', '.join(known) or 'there is none'}). With one data set that must not be mirrored, set "
                "augmentation.flip_probability to 0."
            )
        return self

    @model_validator(mode="after")
    def _one_source_of_samples(self) -> Self:
        if (self.train is None) == (self.mixture is None):
            given = "neither" if self.train is None else "both"
            raise ValueError(
                f"{given} of train and mixture given: set data.train to the URL of one data set, or "
                "data.mixture to several by name"
            )
        if self.mixture is None:
            if self.follow and self.epoch_remainder == "drop":
                raise ValueError("follow = true and epoch_remainder = drop: set one of them back")
            return self
        for name, value, usual in (
            ("follow", self.follow, False),
            ("epoch_remainder", self.epoch_remainder, "carry"),
            ("split", self.split, "train"),
        ):
            if value != usual:
                raise ValueError(
                    f"{name} = {value}: of one data set only. Remove it, or give train, not mixture."
                )
        return self
