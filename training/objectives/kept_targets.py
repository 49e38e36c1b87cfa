"""Targets to entries of the cache and back: rounded, view by view.

Shape suffixes: V views, M masks of a view, R = V * M rows, K layers, L tokens, P visible patches, W width,
G groups of channels.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from training.objectives.target_cache import Entry, Layout
from training.objectives.target_cache_config import scale_group
from training.objectives.targets import Targets
from training.views.transfer import to_device

Storage = Literal["bf16", "int8"]

LARGEST = 127


def layout(shapes: dict[str, tuple[int, ...]], storage: Storage) -> Layout:
    """Types and shapes of an entry whose features have some shapes, by name (see `Targets`)."""
    found: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        if name == "visible":
            found[name] = (torch.int32, shape)
        elif storage == "bf16":
            found[name] = (torch.bfloat16, shape)
        else:
            found[name] = (torch.int8, shape)
            found[f"{name}_scale"] = (torch.float32, (*shape[:-1], shape[-1] // scale_group(shape[-1])))
    return found


def to_entries(targets: Targets, num_views: int, storage: Storage) -> list[Entry]:
    """Entries on the processor, one per view."""
    rounded = {"visible": targets.visible_RP.view(num_views, -1, targets.visible_RP.shape[1]).int()}
    for name, features_KRLW in (("middle", targets.middle_KRLD), ("motion", targets.motion_KRPD)):
        if features_KRLW is not None:
            layers, rows, tokens, width = features_KRLW.shape
            of_views = features_KRLW.reshape(layers, num_views, rows // num_views, tokens, width)
            rounded |= _rounded(name, of_views.transpose(0, 1), storage)
    if targets.final_RD is not None:
        rows_per_view = len(targets.final_RD) // num_views
        rounded |= _rounded("final", targets.final_RD[::rows_per_view], storage)
    stored = {name: tensor.contiguous().cpu() for name, tensor in rounded.items()}
    return [{name: tensor[view] for name, tensor in stored.items()} for view in range(num_views)]


def from_entries(entries: Sequence[Entry], device: torch.device) -> Targets:
    """The targets of all rows of some views, on a device."""
    together = {
        name: to_device(torch.stack([entry[name] for entry in entries]), device) for name in entries[0]
    }
    visible_VMP = together["visible"].long()
    final_VD = _features(together, "final")
    middle_KRLW = _by_layer(_features(together, "middle"))
    assert middle_KRLW is not None
    return Targets(
        visible_RP=visible_VMP.flatten(0, 1),
        middle_KRLD=middle_KRLW,
        final_RD=None if final_VD is None else final_VD.repeat_interleave(visible_VMP.shape[1], dim=0),
        motion_KRPD=_by_layer(_features(together, "motion")),
    )


def _by_layer(features_VKMLW: Tensor | None) -> Tensor | None:
    return None if features_VKMLW is None else features_VKMLW.transpose(0, 1).flatten(1, 2)


def _rounded(name: str, features: Tensor, storage: Storage) -> dict[str, Tensor]:
    if storage == "bf16":
        return {name: features.bfloat16()}
    width = features.shape[-1]
    groups = features.float().reshape(*features.shape[:-1], -1, scale_group(width))
    scale = groups.abs().amax(dim=-1) / LARGEST
    whole = (groups / scale.clamp(min=torch.finfo(torch.float32).tiny).unsqueeze(-1)).round()
    return {name: whole.flatten(-2).to(torch.int8), f"{name}_scale": scale}


def _features(together: dict[str, Tensor], name: str) -> Tensor | None:
    stored = together.get(name)
    if stored is None or stored.dtype != torch.int8:
        return stored
    scale = together[f"{name}_scale"]
    groups = stored.view(*scale.shape, -1).float() * scale.unsqueeze(-1)
    return functional.normalize(groups.flatten(-2), dim=-1)
