"""The model of a training checkpoint, apart from optimizer and run.

A checkpoint says in its state.json what its model is: the description that config.json of an exported folder
has, and what stands before the model's names among the tensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from training.checkpoints.manifest import check_whole
from training.checkpoints.state import STATE_FILE, StateUnreadableError, read_state
from training.objectives.distillation_config import DistillationConfig
from training.released.architecture import Hints
from training.released.description import (
    Description,
    EncoderDescription,
    StudentDescription,
)

if TYPE_CHECKING:
    from torch import Tensor

    from training.config import TrainConfig
    from training.released.convert import Converted

MODEL = "model/"
_DESCRIPTION: TypeAdapter[Description] = TypeAdapter(Annotated[Description, Field(discriminator="kind")])


def describe_model(config: TrainConfig) -> dict[str, Any]:
    """What a run's checkpoints say of their model, as JSON values.

    Of masked pixels it is the encoder: the decoder has done its work when training ends.
    """
    description: Description
    if isinstance(config.objective, DistillationConfig):
        prefix = ""
        description = StudentDescription(encoder=config.model, heads=config.objective.student(config.model))
    else:
        prefix = "encoder."
        description = EncoderDescription(encoder=config.model, pool=False)
    return {"prefix": prefix, "description": description.model_dump(mode="json")}


def is_training_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint of a training run."""
    return (folder / STATE_FILE).is_file()


def read_model(folder: Path) -> tuple[dict[str, Tensor], Description]:
    """The tensors of a checkpoint's model by their names in it, whole and on the CPU, and what it is.

    Needs no process group, however many processes wrote the checkpoint.

    Raises:
        ValueError: the checkpoint is damaged, or not one of this version's runs.
    """
    import torch

    from training.checkpoints.tensor_shards import StoredTensors

    check_whole(folder)
    prefix, description = _said(folder)
    held = StoredTensors(folder)
    tensors = {
        name: torch.empty(stored.shape, dtype=getattr(torch, stored.dtype.removeprefix("torch.")))
        for name, stored in held.tensors.items()
        if name.startswith(MODEL + prefix)
    }
    held.load_in_place(tensors)
    return {name.removeprefix(MODEL + prefix): tensor for name, tensor in tensors.items()}, description


def export(folder: Path, target: Path) -> Converted:
    """Write the model of a checkpoint as a folder of safetensors and config.json, and load it again.

    Raises:
        ValueError: the checkpoint is damaged or of another version, or the target exists.
    """
    from training.released.convert import convert

    return convert(folder, target, Hints())


def _said(folder: Path) -> tuple[str, Description]:
    model = read_state(folder).model
    try:
        return str(model["prefix"]), _DESCRIPTION.validate_python(model["description"])
    except (KeyError, ValidationError) as error:
        raise StateUnreadableError(
            f"{folder / STATE_FILE}: model does not describe one that this version can build ({error})."
        ) from None
