"""What a checkpoint holds: weights and optimizer as safetensors, the rest as printable JSON.

    model.safetensors       parameters by name
    optimizer.safetensors   `<parameter>/<exp_avg | exp_avg_sq | step>`
    state.json              step, stream position, random state, config, data set version

Nothing is pickled, so a checkpoint from a stranger can be wrong but cannot run code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from training.batch import Batch

MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
STATE_FILE = "state.json"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run has come. `stream` is the reader's state after the last trained sample, None at
    the very beginning."""

    step: int
    samples: int
    stream: Mapping[str, Any] | None

    def after(self, batch: Batch) -> Progress:
        """The progress once a batch has been trained on."""
        return replace(
            self,
            step=self.step + 1,
            samples=self.samples + len(batch),
            stream=batch.stream,
        )


@dataclass(frozen=True, kw_only=True)
class SavedState:
    """The JSON part of a checkpoint. `config` holds the fields that decide what comes out."""

    progress: Progress
    config: Mapping[str, Any]
    config_hash: str
    dataset_version: str
    num_threads: int
    random: Mapping[str, str]


def read_state(folder: Path) -> SavedState:
    """The JSON part of a checkpoint, without torch."""
    values = json.loads((folder / STATE_FILE).read_bytes())
    return SavedState(**(values | {"progress": Progress(**values["progress"])}))


def write_checkpoint(folder: Path, model: nn.Module, optimizer: optim.Optimizer, state: SavedState) -> None:
    """Write the three files of a checkpoint into a folder."""
    from safetensors.torch import save_file

    save_file(_storable(model.state_dict()), folder / MODEL_FILE)
    save_file(_storable(_optimizer_tensors(model, optimizer)), folder / OPTIMIZER_FILE)
    (folder / STATE_FILE).write_text(json.dumps(asdict(state), indent=1))


def load_checkpoint(folder: Path, model: nn.Module, optimizer: optim.Optimizer, device: str) -> None:
    """Put weights, optimizer state and random state back.

    Raises:
        RuntimeError: names or shapes are not those of the model.
    """
    from safetensors.torch import load_file

    model.load_state_dict(load_file(folder / MODEL_FILE, device=device))
    stored: dict[str, dict[str, Tensor]] = {}
    for key, value in load_file(folder / OPTIMIZER_FILE).items():
        name, _, part = key.rpartition("/")
        stored.setdefault(name, {})[part] = value
    names = {parameter: name for name, parameter in model.named_parameters()}
    if set(stored) != set(names.values()):
        odd = sorted(set(stored) ^ set(names.values()))
        raise RuntimeError(f"{folder / OPTIMIZER_FILE}: its parameters are not the model's, e.g. {odd[0]}")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states = {number: stored[names[parameter]] for number, parameter in enumerate(parameters)}
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    set_random_state(read_state(folder).random)


def random_state(device: str) -> dict[str, str]:
    """State of torch's generators by device, base64."""
    import torch

    states = {"cpu": torch.get_rng_state()}
    if device == "cuda":
        states["cuda"] = torch.cuda.get_rng_state()
    return {name: base64.b64encode(state.numpy().tobytes()).decode() for name, state in states.items()}


def set_random_state(states: Mapping[str, str]) -> None:
    """Put back what `random_state` gave."""
    import torch

    for name, text in states.items():
        state = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
        if name == "cuda":
            torch.cuda.set_rng_state(state)
        else:
            torch.set_rng_state(state)


def _optimizer_tensors(model: nn.Module, optimizer: optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def _storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
