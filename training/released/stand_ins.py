"""Objects in a checkpoint that are not tensors: which are expected, left out, or refused.

A pickle names classes and functions for its reader to import and call. Ours resolves a fixed set of names
that build tensors and dictionaries. Training code also stores its options and loss scalers beside the
weights; each of those becomes an empty stand-in: nothing of the named module is imported, nothing of it runs.
"""

from __future__ import annotations

import io
import pickletools
import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from training.released.errors import CheckpointFileError

MAX_PICKLE_BYTES = 64 * 2**20
"""Far above any state dict: the pickle of one holds names and shapes, not weights."""

_PLAIN = re.compile(
    r"collections\.(OrderedDict|Counter)|builtins\.set|_codecs\.encode"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)"
    r"|torch\.nn\.parameter\.Parameter|torch\.(Size|device)|torch\.serialization\._get_layout"
    r"|torch\.\w+Storage|torch\.storage\.\w+Storage"
    r"|torch\.(u?int\d+|bfloat16|float\w*|bool|complex\d+)"
)
"""What a state dict is built of, a part of what torch's restricted reader permits."""

_BESIDE = re.compile(
    r"argparse\.Namespace|pathlib\.\w+|functools\.partial|datetime\.\w+|types\.SimpleNamespace"
    r"|(numpy|deepspeed|megatron|apex|fairscale|accelerate|pytorch_lightning|lightning|peft|timm)\.[\w.]+"
    r"|(transformers|tokenizers|omegaconf|easydict|yacs|addict|mmengine|mmcv|fvcore|detectron2)\.[\w.]+"
    r"|collections\.defaultdict|torch\.(optim|amp|cuda\.amp|distributed)\.[\w.]+"
)
"""What training code is known to store beside its weights."""

_DICTIONARIES = re.compile(
    r"(easydict\.EasyDict|yacs\.\w+\.CfgNode|addict\.\w+\.Dict|collections\.defaultdict)"
)

_PROGRAMS = {
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "pty",
    "socket",
    "runpy",
    "shutil",
    "importlib",
    "ctypes",
}


class StandIn:
    """Takes the place of an object of a class that is not to be imported; keeps nothing of it."""

    def __new__(cls, *_args: Any) -> StandIn:
        """Ignore what the object would be made of."""
        return super().__new__(cls)

    def __init__(self, *_args: Any) -> None:
        """Ignore what the object would be made of."""

    def __setstate__(self, _state: Any) -> None:
        """Ignore what the object holds."""


def names_in(pickles: bytes, *, count: int) -> set[str]:
    """Dotted names that the first `count` pickles of some bytes import; nothing is executed.

    Raises:
        ValueError: these are no pickles.
    """
    names: set[str] = set()
    file = io.BytesIO(pickles)
    for _ in range(count):
        for code, argument, _position in pickletools.genops(file):
            if code.name in ("GLOBAL", "INST"):
                names.add(_present_name(*str(argument).split(" ", 1)))
    return names


def _present_name(module: str, name: str) -> str:
    """What Python 2 called differently, as torch's reader maps it."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"


def stand_ins(where: str, names: Collection[str], ignored: Collection[str]) -> list[tuple[Any, str]]:
    """What to resolve each name to that builds no tensor, as `torch.serialization.safe_globals` takes it.

    `ignored` are names that the user wants left out besides those that are known.

    Raises:
        CheckpointFileError: there are others, or one that runs programs.
    """
    others = sorted(name for name in names if not _PLAIN.fullmatch(name))
    hostile = [name for name in others if _runs_programs(name)]
    if hostile:
        raise CheckpointFileError(
            f"{where} would call {', '.join(hostile)} in a reader that unpickles it. No checkpoint needs "
            "that: do not open this file with other tools either, and tell whoever gave it to you."
        )
    tensors = [
        name for name in others if name.startswith(("torch._utils.", "torch._tensor.", "torch.sparse."))
    ]
    if tensors:
        raise CheckpointFileError(
            f"{where} holds tensors that are not plain (sparse, quantised, without data, or of a class of "
            f"their own): {', '.join(tensors)}. Save the state dict again with dense tensors on the CPU."
        )
    unknown = [name for name in others if not _BESIDE.fullmatch(name) and name not in ignored]
    if unknown:
        options = " ".join(f"--ignore {name}" for name in unknown)
        raise CheckpointFileError(
            f"{where} holds objects that are not tensors: {', '.join(unknown)}. They are not imported. To "
            f"read the tensors alone, leave these objects out: {options}; or ask for the weights as "
            "safetensors."
        )
    return [(OrderedDict if _DICTIONARIES.fullmatch(name) else StandIn, name) for name in others]


def _runs_programs(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    if module == "builtins":
        return attribute in (
            "eval",
            "exec",
            "compile",
            "open",
            "__import__",
            "getattr",
            "input",
            "breakpoint",
        )
    return module.partition(".")[0] in _PROGRAMS
