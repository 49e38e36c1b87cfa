"""Weights of neural shot detectors from files that users bring: official ones are not ours to give."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from curation.detect.models.autoshot import UNUSED_KEYS, AutoShot
from curation.detect.models.transnetv2 import TransNetV2

ModelKind = Literal["transnetv2", "autoshot"]

_NAMES: dict[ModelKind, str] = {"transnetv2": "TransNetV2", "autoshot": "AutoShot"}
_MODELS: dict[ModelKind, type[nn.Module]] = {"transnetv2": TransNetV2, "autoshot": AutoShot}
_WRAPPERS = ("net", "state_dict", "model")
_PREFIX = "module."
_COUNTER = ".num_batches_tracked"
_POINTER = b"version https://git-lfs.github.com/spec/"
_MAX_LISTED = 5


@dataclass(frozen=True)
class LoadedModel:
    """A detector ready to run, and the sha256 of the file its weights came from."""

    module: nn.Module
    sha256: str


def load_model(kind: ModelKind, path: Path) -> LoadedModel:
    """A detector with the weights of a file, in evaluation mode, in float32, on the CPU.

    Args:
        kind: the architecture.
        path: a state dict in the official key layout as .pth, .pt or .safetensors; it may be wrapped in
            `net`, `state_dict` or `model`, and its keys may begin with `module.`.

    Raises:
        ValueError: there is no such file, it is no checkpoint, or it is not one of this architecture.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; the weights of {_NAMES[kind]} were to be read from it")
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise ValueError(
                f"{path}: a Git LFS pointer, not the weights themselves. "
                "Run 'git lfs pull' in the repository it comes from"
            )
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        content = _read(file, path)
    return LoadedModel(model_from(kind, content, str(path)), sha256)


def model_from(kind: ModelKind, content: object, where: str) -> nn.Module:
    """A detector with the weights of a state dict, wrapped or not, in evaluation mode and float32.

    Raises:
        ValueError: the state dict is not one of this architecture; the message begins with `where`.
    """
    state = _state_dict(content, where)
    layouts = {each: _layout(each) for each in _MODELS}
    likeliest = max(_MODELS, key=lambda each: (len(layouts[each].keys() & state.keys()), each == kind))
    if likeliest != kind and layouts[likeliest].keys() <= state.keys() | _optional(layouts[likeliest]):
        raise ValueError(
            f"{where}: weights of {_NAMES[likeliest]}, not of {_NAMES[kind]}. "
            f"Use another file, or kind: {likeliest}"
        )
    layout = layouts[kind]
    missing = layout.keys() - state.keys() - _optional(layout)
    unexpected = state.keys() - layout.keys() - (UNUSED_KEYS if kind == "autoshot" else set())
    shapes = {key: list(state[key].shape) for key in layout.keys() & state.keys()}
    faults = [
        _listed("missing", missing),
        _listed("unexpected", unexpected),
        _listed(
            "of a wrong shape", [f"{k} {s}, not {layout[k]}" for k, s in shapes.items() if s != layout[k]]
        ),
        _listed("not finite floating-point numbers", [k for k in shapes if not _usable(k, state[k])]),
    ]
    if any(faults):
        raise ValueError(f"{where}: no weights of {_NAMES[kind]}. {'; '.join(filter(None, faults))}")
    with torch.device("meta"):
        module = _MODELS[kind]()
    weights = {key: state.get(key, torch.zeros((), dtype=torch.long)) for key in layout}
    weights = {key: value if key.endswith(_COUNTER) else value.float() for key, value in weights.items()}
    module.load_state_dict(weights, assign=True)
    return module.eval().requires_grad_(False)


def _read(file: BinaryIO, path: Path) -> object:
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load(file.read())
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path}: not a readable .safetensors file ({error})") from error
    if path.suffix not in (".pth", ".pt"):
        raise ValueError(f"{path}: weights are read from .pth, .pt or .safetensors, not from '{path.suffix}'")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: not a checkpoint of nothing but tensors, and nothing else is unpickled. "
            "Store its state dict alone (torch.save(model.state_dict(), ...)) or as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, LookupError, ValueError) as error:
        raise ValueError(f"{path}: not a readable checkpoint of torch ({error})") from error


def _state_dict(content: object, where: str) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = [content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{where}: no state dict, but {_described(content)}")
    if others := [str(key) for key, value in content.items() if not isinstance(value, Tensor)]:
        raise ValueError(f"{where}: no state dict. {_listed('no tensors', others)}")
    prefixed = all(str(key).startswith(_PREFIX) for key in content)
    return {str(key)[len(_PREFIX) if prefixed else 0 :]: value for key, value in content.items()}


def _described(content: object) -> str:
    return "an empty one" if isinstance(content, Mapping) else f"a {type(content).__name__}"


def _layout(kind: ModelKind) -> dict[str, list[int]]:
    with torch.device("meta"):
        state: Mapping[str, Any] = _MODELS[kind]().state_dict()
    return {key: list(value.shape) for key, value in state.items()}


def _optional(layout: Collection[str]) -> set[str]:
    """Keys that converters leave out: nothing reads the counters of the normalisation in evaluation."""
    return {key for key in layout if key.endswith(_COUNTER)}


def _usable(key: str, value: Tensor) -> bool:
    return key.endswith(_COUNTER) or (value.is_floating_point() and bool(value.isfinite().all()))


def _listed(fault: str, items: Collection[str]) -> str:
    if not items:
        return ""
    listed = ", ".join(sorted(items)[:_MAX_LISTED])
    more = f" and {len(items) - _MAX_LISTED} more" if len(items) > _MAX_LISTED else ""
    return f"{len(items)} {fault}: {listed}{more}"
