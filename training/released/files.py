"""Reading the tensors of a checkpoint, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.released.errors import CheckpointFileError, NoCheckpointError
from training.released.stand_ins import StandIn
from training.released.torch_file import load_torch_file

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
WRAPPERS = ("module", "model", "state_dict", "model_state_dict", "student")
"""DeepSpeed writes `module`; other trainers write one of these beside the optimizer's state."""


@dataclass(frozen=True, kw_only=True)
class Wrapping:
    """How the tensors lay in a file: its format, the keys that lead to them, what lay beside them (a number
    or text as it is, of anything else its type), and the classes of objects that were not read."""

    format: str
    keys: tuple[str, ...]
    beside: Mapping[str, str | int | float | bool]
    left_out: tuple[str, ...]


def read_tensors(path: str | Path, *, ignored: Collection[str] = ()) -> tuple[dict[str, Tensor], Wrapping]:
    """Tensors by name, on the CPU and mapped from disk where the format allows it.

    `path` is a file of `torch.save` or safetensors, or a folder that holds model.safetensors or its shards
    and their index. `ignored` are names of classes whose objects a file of `torch.save` may hold beside its
    tensors; they are neither imported nor run.

    Raises:
        NoCheckpointError: there is no such file, or the folder holds none.
        CheckpointFileError: it is damaged, or not safe to read.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise NoCheckpointError(f"{path}: there is no such file.")
    if not path.is_file():
        raise CheckpointFileError(f"{path} is no regular file.")
    if path.stat().st_size == 0:
        raise CheckpointFileError(f"{path} is empty: 0 bytes. The download or copy did not finish.")
    if path.suffix == ".safetensors" or _looks_like_safetensors(path):
        return _read_safetensors(path), Wrapping(format="safetensors", keys=(), beside={}, left_out=())
    found, written_as, left_out = load_torch_file(path, ignored)
    state, keys, beside = _unwrap(path, found)
    tensors = {name: value for name, value in state.items() if _is_tensor(value)}
    beside |= {name: _plain(value) for name, value in state.items() if name not in tensors}
    _check(path, tensors)
    return tensors, Wrapping(format=written_as, keys=keys, beside=beside, left_out=left_out)


def _read_folder(folder: Path) -> tuple[dict[str, Tensor], Wrapping]:
    if (folder / WEIGHTS).is_file():
        return read_tensors(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        raise NoCheckpointError(
            f"{folder} holds neither {WEIGHTS} nor {INDEX}. Give the file of weights, or a folder that "
            "cliploom checkpoints convert wrote."
        )
    try:
        shards = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        raise CheckpointFileError(f"{folder / INDEX} cannot be read: it lists no weight_map.") from None
    tensors: dict[str, Tensor] = {}
    for name in sorted(shards, key=str):
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointFileError(f"{folder / INDEX} names {name!r}, which is no file beside it.")
        if not (folder / name).is_file():
            raise CheckpointFileError(f"{folder / name} is missing, but {INDEX} names it.")
        tensors |= _read_safetensors(folder / name)
    return tensors, Wrapping(format=f"{len(shards)} safetensors", keys=(), beside={}, left_out=())


def _looks_like_safetensors(path: Path) -> bool:
    """Whether a file opens with the length of a JSON header and its brace."""
    with open(path, "rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointFileError(
            f"{path} is damaged or no safetensors file: {error}. Compare its size and sha256 with those "
            "where it was published."
        ) from None
    return tensors


def _unwrap(path: Path, found: Any) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]:
    """The innermost state dict, the keys that led there, and what lay beside them."""
    keys: tuple[str, ...] = ()
    beside: dict[str, Any] = {}
    while isinstance(found, dict):
        key = next((key for key in WRAPPERS if isinstance(found.get(key), dict)), None)
        if key is None:
            break
        beside |= {str(name): _plain(value) for name, value in found.items() if name != key}
        keys, found = (*keys, key), found[key]
    if not isinstance(found, dict):
        raise CheckpointFileError(
            f"{path} holds a {type(found).__name__}, not a dictionary of tensors. Save the model's "
            "state_dict()."
        )
    if not any(_is_tensor(value) for value in found.values()):
        listed = ", ".join(sorted(map(str, found))[:12]) or "nothing"
        raise CheckpointFileError(
            f"{path} holds no tensors where they are expected (at the top, or under {', '.join(WRAPPERS)}). "
            f"Its keys are: {listed}."
        )
    if any(not isinstance(name, str) for name in found):
        raise CheckpointFileError(f"{path}: a name of a tensor is no text. Save the model's state_dict().")
    return found, keys, beside


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _check(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are larger than what the file holds of them, or that hold nothing.

    Raises:
        CheckpointFileError: naming the first one.
    """
    import torch

    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise CheckpointFileError(
                f"{path}: {name} is a {tensor.layout} tensor on {tensor.device}. Only plain tensors are read."
            )
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise CheckpointFileError(
                f"{path}: {name} claims the shape {list(tensor.shape)}, but the file holds "
                f"{tensor.untyped_storage().nbytes():,} bytes of it."
            )


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, StandIn):
        return "(left out)"
    return value if isinstance(value, str | int | float | bool) else f"({type(value).__name__})"
