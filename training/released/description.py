"""What a folder of weights says of itself in config.json: enough to build the model again (no torch).

FOLDER/model.safetensors   the tensors, by the names of the model
FOLDER/config.json         one of the descriptions below
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from curation.base.config import Config, is_operational
from training.models.classifier_config import ClassifierConfig
from training.models.encoder_config import EncoderConfig
from training.models.student_config import StudentConfig
from training.released.errors import CheckpointFileError

CONFIG = "config.json"
MAX_BYTES = 2**20

_OF_A_RUN = {name for name, field in EncoderConfig.model_fields.items() if is_operational(field)} - {"size"}


class Provenance(Config):
    """Where tensors come from and what was done to them."""

    source: str = Field(..., description="Name of the file or folder that was converted.")
    sha256: str = Field(
        ..., description="sha256 of that file; of a folder, that of its files' names and sha256."
    )
    recognised: str = Field(..., description="What the source was taken for.")
    unwrapped: tuple[str, ...] = Field((), description="Keys that led to the state dict in the source.")
    prefix: str = Field("", description="What stood before the names of the tensors in the source.")
    changes: tuple[str, ...] = Field((), description="What differs from the source, a sentence each.")
    cliploom: str = Field(..., description="Version of Cliploom that wrote the folder.")
    before: Provenance | None = Field(None, description="Where the source itself came from, if it said so.")


class _Description(Config):
    format: Literal[1] = Field(1, description="Version of this file.")
    encoder: EncoderConfig = Field(..., description="Size and shape of the encoder.")
    provenance: Provenance | None = Field(None, description="Where the tensors come from.")

    @field_validator("encoder", mode="before")
    @classmethod
    def _without_its_machine(cls, encoder: Any) -> Any:
        # How a run computed (flash-attn, recomputed blocks) is no property of its weights, and the machine
        # that reads them may have none of it.
        values = encoder.model_dump() if isinstance(encoder, EncoderConfig) else encoder
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name not in _OF_A_RUN}


class EncoderDescription(_Description):
    """A video encoder alone."""

    kind: Literal["encoder"] = Field("encoder", description="A video encoder.")
    pool: bool = Field(True, description="Whether it has the attention pooling.")


class StudentDescription(_Description):
    """A video encoder with the heads that follow teachers."""

    kind: Literal["student"] = Field("student", description="A video encoder with heads for its teachers.")
    heads: StudentConfig = Field(..., description="The heads.")


class ClassifierDescription(_Description):
    """A video encoder with a classifier on its pooled vector."""

    kind: Literal["classifier"] = Field("classifier", description="A video encoder with a classifier.")
    head: ClassifierConfig = Field(..., description="The classifier.")


Description = EncoderDescription | StudentDescription | ClassifierDescription
_ADAPTER: TypeAdapter[Description] = TypeAdapter(Annotated[Description, Field(discriminator="kind")])


def read_description(folder: Path) -> Description:
    """What a folder says of its tensors.

    Raises:
        CheckpointFileError: it has no config.json, or one that this version cannot read.
    """
    path = folder / CONFIG
    try:
        with open(path, "rb") as file:
            return _ADAPTER.validate_json(file.read(MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointFileError(
            f"{path} is missing: {folder} is no folder that cliploom checkpoints convert wrote."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointFileError(
            f"{path}: {where}: {first['msg']} ({error.error_count()} in all)."
        ) from None


def to_json(description: _Description) -> str:
    """The text of config.json."""
    values: dict[str, Any] = description.model_dump(mode="json")
    return json.dumps(values, indent=1) + "\n"
