"""Weights that users bring: found, checked, told apart, and loaded loudly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from training.released.files import WEIGHTS, read_tensors
from training.released.kinds import Kind, recognise
from training.released.matching import load_strictly, shapes_of
from training.teachers.config import InternVideo2Config, InternVlConfig, VideoMaeConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

WHENCE = {
    "internvl": "internvl_c_13b_224px.pth of OpenGVLab/InternVL on the Hugging Face hub",
    "videomae": "vit_g_hybrid_1200e_pre.pth, which VideoMAEv2's authors hand out through a form (docs/"
    "MODEL_ZOO.md of OpenGVLab/VideoMAEv2)",
    "internvideo2": "InternVideo2-stage2_1b-224p-f4.pt of OpenGVLab/InternVideo2-Stage2_1B-224p-f4 on the "
    "Hugging Face hub (with size: 1B), or the folder of an encoder of your own",
}

Tensors = Mapping[str, "Tensor"]


def load_weights(
    model: nn.Module,
    config: InternVlConfig | VideoMaeConfig | InternVideo2Config,
    device: torch.device,
    dtype: torch.dtype,
    *,
    kinds: tuple[Kind, ...],
    adapt: Callable[[Tensors], Tensors],
    unused: Collection[str] = (),
) -> None:
    """Give a model that was built on the meta device its weights, in a dtype, on a device.

    `kinds` is what the file may hold, `adapt` makes its tensors those of the model, and names whose first
    word is in `unused` are left where they are.

    Raises:
        ValueError: the file is missing, not the one meant, holds something else, or does not fit.
    """
    path = Path(config.weights)
    if not path.exists():
        raise ValueError(
            f"weights = {path} of kind: {config.kind} does not exist. Give the path of {WHENCE[config.kind]}."
        )
    if config.weights_sha256 is not None:
        _check_sha256(path, config.weights_sha256)
    tensors, _ = read_tensors(path)
    found = recognise(shapes_of(tensors), str(path))
    if found.kind not in kinds:
        raise ValueError(
            f"weights = {path} holds a {found.title}, which is no teacher of kind: {config.kind}. Give the "
            f"path of {WHENCE[config.kind]}."
        )
    wanted = [name for name in found.own if name.partition(".")[0] not in unused]
    own = adapt({name: tensors[found.prefix + name] for name in wanted})
    cast = {name: tensor.to(device=device, dtype=dtype) for name, tensor in own.items()}
    load_strictly(model, cast, source=str(path), assign=True)


def _check_sha256(path: Path, wanted: str) -> None:
    file_path = path / WEIGHTS if path.is_dir() else path
    with open(file_path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise ValueError(
            f"{file_path} has the sha256 {found}, but weights_sha256 = {wanted}. Give the file that was "
            "meant, or set weights_sha256 to its digest."
        )
