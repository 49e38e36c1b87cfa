"""The part of a checkpoint that is no tensor, as printable JSON.

    state.json   step, stream position, config, data set version, and what bit-equality depends on

Random state is not in it: crops and masks are keyed on samples, and torch's generators are seeded anew for
each step from (seed, step, rank), so that there is nothing to restore and any number of processes can go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from training.batch import Batch
    from training.config import TrainConfig
    from training.engines.arithmetic import BatchArithmetic
    from training.together import Processes

STATE_FILE = "state.json"


class StateUnreadableError(ValueError):
    """The state of a checkpoint is not what this version writes."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run has come. `stream` is the reader's state after the last trained sample, None at
    the very beginning."""

    step: int
    samples: int
    stream: Mapping[str, Any] | None

    def after(self, batch: Batch, num_samples: int | None = None) -> Progress:
        """The progress once a batch has been trained on; `num_samples` of all processes, if there are
        several."""
        return replace(
            self,
            step=self.step + 1,
            samples=self.samples + (len(batch) if num_samples is None else num_samples),
            stream=batch.stream,
        )


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What may differ when a run goes on, but then changes the last bits of what comes out.

    `micro_batch_size` is that of a pass, `attention` the backend that computes it: sdpa or flash.
    """

    engine: str
    world_size: int
    micro_batch_size: int
    num_threads: int
    device: str
    torch: str
    attention: str

    @classmethod
    def of(cls, config: TrainConfig, ranks: Processes, arithmetic: BatchArithmetic) -> Self:
        """How this process trains now."""
        import torch

        from training.engines.described import engine_in_words
        from training.models.attention import has_flash

        # As `attend` chooses: the flash kernel has no float32.
        may_flash = has_flash() and config.device == "cuda" and config.engine.precision == "bf16"
        return cls(
            engine=engine_in_words(config.engine),
            world_size=ranks.world_size,
            micro_batch_size=arithmetic.per_pass,
            num_threads=torch.get_num_threads(),
            device=config.device,
            torch=torch.__version__,
            attention="flash" if may_flash and config.model.attention != "sdpa" else "sdpa",
        )


@dataclass(frozen=True, kw_only=True)
class SavedState:
    """The JSON part of a checkpoint. `config` holds the fields that decide what comes out; `model` says
    how to build the model, see `training.checkpoints.export`."""

    progress: Progress
    config: Mapping[str, Any]
    config_hash: str
    model: Mapping[str, Any]
    dataset_version: str
    setting: Setting


def write_state(folder: Path, state: SavedState) -> None:
    """Write the JSON part of a checkpoint."""
    (folder / STATE_FILE).write_text(json.dumps(asdict(state), indent=1))


def read_state(folder: Path) -> SavedState:
    """The JSON part of a checkpoint, without torch.

    Raises:
        StateUnreadableError: it is missing, or not of the form that this version writes.
    """
    from pydantic import TypeAdapter, ValidationError

    path = folder / STATE_FILE
    try:
        return TypeAdapter(SavedState).validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        raise StateUnreadableError(f"{path} is missing: {folder} is no checkpoint of a run.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StateUnreadableError(
            f"{path}: {where}: {first['msg']}. It is no checkpoint of this version."
        ) from None
